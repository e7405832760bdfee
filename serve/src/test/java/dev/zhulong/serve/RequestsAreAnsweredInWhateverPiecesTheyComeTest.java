package dev.zhulong.serve;

import static org.assertj.core.api.Assertions.assertThat;

import dev.zhulong.infer.SchedulerOptions;
import java.io.IOException;
import java.io.InputStream;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.Set;
import java.util.stream.Collectors;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** TCP keeps no edges: the rest of a request that was refused unread may come together with the next request, or with a part of it. */
class RequestsAreAnsweredInWhateverPiecesTheyComeTest {
    private static final String BODY = "{\"messages\":[{\"role\":\"user\",\"content\":\"x\"}],\"max_tokens\":3}";
    private static final String HEAD = "POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: " + BODY.length() + "\r\n";
    private static final String REFUSED = HEAD + "Origin: https://evil.example\r\n\r\n";
    private static final String TAKEN = HEAD + "\r\n";

    /** Pieces end where there is a bar: before the refused request's body, within it, and before, within and behind the next request's head. */
    @ParameterizedTest
    @ValueSource(strings = {"hbcHIB", "h|bcHIB", "h|bc|HIB", "hbcHI|B", "h|bcHI|B", "h|bc|HI|B", "h|b|cHI|B", "h|bcH|IB", "h|b|cH|I|B"})
    void oneAfterAnother(String pieces) throws Exception {
        String text = pieces.chars().mapToObj(c -> switch (c) {
            case 'h' -> REFUSED;
            case 'b' -> BODY.substring(0, 5);
            case 'c' -> BODY.substring(5);
            case 'H' -> TAKEN.substring(0, 9);
            case 'I' -> TAKEN.substring(9);
            case 'B' -> BODY;
            default -> Character.toString(c);
        }).collect(Collectors.joining());
        try (var server = new TestServer(new ScriptedModel(4096, prompt -> "word ".repeat(9)), new SchedulerOptions(2, 4, 100_000, 64, true),
                ServerOptions.local(0).withOrigins(Set.of("https://good.example")));
                Socket socket = new Socket("127.0.0.1", server.server.port())) {
            socket.setTcpNoDelay(true);
            socket.setSoTimeout(10_000);
            for (String piece : text.split("\\|")) {
                socket.getOutputStream().write(piece.getBytes(StandardCharsets.US_ASCII));
                // long enough to be read alone
                Thread.sleep(30);
            }
            assertThat(answer(socket.getInputStream())).startsWith("HTTP/1.1 403");
            assertThat(answer(socket.getInputStream())).startsWith("HTTP/1.1 200");
            socket.getOutputStream().write((TAKEN + BODY).getBytes(StandardCharsets.US_ASCII));
            assertThat(answer(socket.getInputStream())).startsWith("HTTP/1.1 200");
        }
    }

    private static String answer(InputStream in) throws IOException {
        var head = new StringBuilder();
        while (head.indexOf("\r\n\r\n") < 0) {
            int next = in.read();
            assertThat(next).as("after " + head).isNotNegative();
            head.append((char) next);
        }
        String length = head.toString().replaceAll("(?si).*content-length: *(\\d+).*", "$1");
        return head + new String(in.readNBytes(Integer.parseInt(length)), StandardCharsets.UTF_8);
    }
}
