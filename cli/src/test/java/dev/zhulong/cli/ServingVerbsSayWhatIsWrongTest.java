package dev.zhulong.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Of {@code serve}, {@code key} and {@code guard test}: before anything is loaded where that can be known. */
@Timeout(60)
class ServingVerbsSayWhatIsWrongTest {
    @TempDir
    static Path directory;
    private static Path model;

    @BeforeAll
    static void write() throws IOException {
        model = directory.resolve("tiny.gguf");
        Rehearsal.write(model);
        Files.writeString(directory.resolve("broken.yaml"), "name: x\nrules: [{id: a, colour: red}]\n");
        Files.writeString(directory.resolve("broken.json"), "{\"keys\": [{\"name\": \"a\", \"sha256\": \"12\"}]}");
    }

    private static Cli serve(String options) {
        List<Object> words = new ArrayList<>(List.of("serve", "--model", model, "--warm-up", "0"));
        words.addAll(List.of(options.replace("DIR", directory.toString()).split(" ")));
        return Cli.run(words.toArray());
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {
        "--port 70000 | 2 | --port must be from 0 to 65535, found 70000",
        "--parallel 0 | 2 | --parallel must be at least 1, found 0",
        "--audit a.jsonl | 2 | --audit keeps what --rules decide",
        "--admin-port 1 | 2 | --admin-port and --admin-keys belong together",
        "--adapter-dir DIR | 2 | --adapter-dir is for the administrator",
        "--allow-host http://llm.example | 2 | --allow-host: \"http://llm.example\" is no host name",
        "--tls-cert a.pem | 2 | --tls-cert and --tls-key belong together",
        "--prefix-dir DIR --no-prefix-cache | 2 | give one of them",
        "--cache memcached | 2 | --cache is local or a URI such as redis://localhost:6379",
        "--cache redis://127.0.0.1:1 | 1 | there is no Redis at redis://127.0.0.1:1",
        "--rules builtin:manners | 1 | there is no rule set builtin:manners",
        "--rules DIR/broken.yaml | 1 | there is no 'colour'",
        "--keys DIR/broken.json | 1 | must have 64 hexadecimal digits",
        "--tls-cert DIR/none.pem --tls-key DIR/none.pem | 1 | none.pem",
        "--adapter one=DIR/none --port 0 | 1 | none",
        "--low DIR/none.gguf | 1 | none.gguf",
    })
    void inALine(String options, int code, String expected) {
        Cli result = serve(options);
        assertThat(result.code()).as(result.err()).isEqualTo(code);
        assertThat(result.err()).contains(expected).doesNotContain("\tat ");
    }

    @Test
    void aPortThatIsTakenIsNamed() throws IOException {
        try (var taken = new ServerSocket(0)) {
            Cli result = serve("--host 0.0.0.0 --port " + taken.getLocalPort());
            assertThat(result.code()).isEqualTo(1);
            assertThat(result.err()).contains("cannot listen on 0.0.0.0:" + taken.getLocalPort());
        }
    }

    @Test
    void aKeyIsToldOnceAndItsNameIsTakenThen() throws IOException {
        Path keys = directory.resolve("keys.json");
        Cli made = Cli.run("key", "--keys", keys, "--name", "clinic", "--requests", 60).done();
        String key = made.out().strip();
        assertThat(key).startsWith("zl-");
        assertThat(Files.readString(keys)).contains("clinic", "\"requests_per_minute\" : 60").doesNotContain(key);
        Cli again = Cli.run("key", "--keys", keys, "--name", "clinic");
        assertThat(again.code()).isEqualTo(1);
        assertThat(again.err()).contains("has a key called clinic already");
    }

    @Test
    void rulesAreShownAtWork() {
        Cli told = Cli.run("guard", "test", "--rules", "builtin:privacy", "--text", "Write to ann@example.org").done();
        assertThat(told.out().strip()).isEqualTo("Write to [email]");
        assertThat(told.err()).contains("[privacy/email: replace 9–24 \"ann@example.org\": [email]]");
        assertThat(Cli.runWithInput("nothing", "guard", "test", "--rules", "builtin:privacy", "--text-file", "-").done().err()).contains("no rule has found anything");
        assertThat(Cli.run("guard", "test", "--rules", "builtin:privacy").code()).isEqualTo(2);
    }
}
