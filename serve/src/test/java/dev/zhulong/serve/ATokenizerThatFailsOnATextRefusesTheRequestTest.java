package dev.zhulong.serve;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.zhulong.infer.SchedulerOptions;
import dev.zhulong.serve.TestServer.Answer;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Where the tokenizers library would panic, the request is refused and the server goes on. */
class ATokenizerThatFailsOnATextRefusesTheRequestTest {
    @TempDir
    Path directory;

    @Test
    void everyRouteRefusesTheTextAndAnswersTheNextOne() throws IOException {
        TinyModel.write(directory);
        Path file = directory.resolve("tokenizer.json");
        var mapper = new ObjectMapper();
        ObjectNode json = (ObjectNode) mapper.readTree(file.toFile());
        ((ObjectNode) json.path("pre_tokenizer").path("pretokenizers").path(0).path("pattern")).put("Regex", "(a|aa)+$");
        mapper.writeValue(file.toFile(), json);
        try (var model = new TinyModel(directory, new SchedulerOptions(4, 64, 4096, 64, true));
                var server = new TestServer(model.served, ServerOptions.local(0))) {
            for (String text : List.of("a".repeat(60) + "b", "lamp")) {
                for (String[] request : new String[][] {{"/v1/chat/completions", "{'model': 'tiny', 'max_tokens': 2, 'messages': [{'role': 'user', 'content': '%s'}]}"},
                        {"/v1/completions", "{'model': 'tiny', 'max_tokens': 2, 'prompt': '%s'}"}, {"/v1/embeddings", "{'model': 'tiny', 'input': ['%s']}"},
                        {"/tokenize", "{'text': '%s'}"}}) {
                    Answer answer = server.post(request[0], request[1].formatted(text));
                    if (text.equals("lamp")) {
                        assertThat(answer.status()).as(request[0] + answer.body()).isEqualTo(200);
                    } else {
                        assertThat(answer.status()).as(request[0]).isEqualTo(400);
                        assertThat(answer.error()).contains("cannot be encoded").contains("retry-limit").doesNotContain(directory.toString());
                    }
                }
            }
        }
    }
}
