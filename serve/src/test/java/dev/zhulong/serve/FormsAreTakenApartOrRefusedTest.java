package dev.zhulong.serve;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

class FormsAreTakenApartOrRefusedTest {
    private static final String TYPE = "multipart/form-data; boundary=----x y".replace(" y", "y");

    private static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    private static final String FORM = """
            preamble\r
            ------xy\r
            Content-Disposition: form-data; name="file"; filename="a; name=\\"b\\".wav"\r
            Content-Type: audio/wav\r
            \r
            RI--FF\r
            ------x\r
            ------xy  \r
            content-disposition: form-data; name=language\r
            \r
            zh\r
            ------xy\r
            Content-Disposition: form-data; name="timestamp_granularities[]"\r
            \r
            segment\r
            ------xy\r
            Content-Disposition: form-data; name="empty"\r
            \r
            \r
            ------xy--\r
            epilogue""";

    @Test
    void partsComeAsTheyWereSent() {
        FormData form = FormData.of(TYPE, bytes(FORM));
        assertThat(new String(form.file("file"), StandardCharsets.UTF_8)).isEqualTo("RI--FF\r\n------x");
        assertThat(form.text("language", "en")).isEqualTo("zh");
        assertThat(form.text("prompt", "none")).isEqualTo("none");
        assertThat(form.texts("timestamp_granularities")).containsExactly("segment");
        assertThat(form.text("empty", "absent")).isEmpty();
        assertThat(FormData.of("Multipart/Form-Data; charset=utf-8; boundary=\"----xy\"", bytes(FORM)).text("language", "")).isEqualTo("zh");
    }

    @Test
    void whatIsNoFormIsRefused() {
        assertThatThrownBy(() -> FormData.of("application/json", bytes("{}"))).hasMessageContaining("multipart/form-data");
        assertThatThrownBy(() -> FormData.of("multipart/form-data", bytes(FORM))).hasMessageContaining("boundary");
        assertThatThrownBy(() -> FormData.of(TYPE, new byte[0])).hasMessageContaining("no part");
        assertThatThrownBy(() -> FormData.of(TYPE, bytes(FORM.replace("------xy--", "")))).hasMessageContaining("end is missing");
        assertThatThrownBy(() -> FormData.of(TYPE, bytes("------xy\r\nContent-Type: a/b\r\n\r\nx\r\n------xy--"))).hasMessageContaining("no name");
        assertThatThrownBy(() -> FormData.of(TYPE, bytes(("------xy\r\nContent-Disposition: form-data; name=a\r\n\r\nb\r\n").repeat(100) + "------xy--"))).hasMessageContaining("64 parts");
        FormData form = FormData.of(TYPE, bytes(FORM));
        assertThatThrownBy(() -> form.file("picture")).hasMessageContaining("picture is missing");
        assertThatThrownBy(() -> form.number("language", 0, 1, 0)).hasMessageContaining("from 0.0 to 1.0");
    }

    /** Whatever is cut or changed, there is a form or one error. */
    @Test
    void brokenBytesGiveAFormOrOneError() {
        var random = new SplittableRandom(7);
        for (int i = 0; i < 3000; i++) {
            byte[] body = Arrays.copyOf(bytes(FORM), random.nextInt(FORM.length() + 1));
            for (int j = random.nextInt(4); j > 0 && body.length > 0; j--) {
                body[random.nextInt(body.length)] = (byte) random.nextInt(256);
            }
            try {
                FormData.of(TYPE, body).texts("language");
            } catch (ApiException e) {
                assertThat(e.getMessage()).doesNotContain("\n").hasSizeLessThan(300);
            }
        }
    }
}
