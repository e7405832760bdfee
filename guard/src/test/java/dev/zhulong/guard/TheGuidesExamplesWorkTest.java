package dev.zhulong.guard;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What docs/guard.md shows. */
class TheGuidesExamplesWorkTest {
    private static final Path GUIDE = Path.of(System.getProperty("zhulong.root"), "docs", "guard.md");
    @TempDir
    Path directory;

    private static String block(String begin) throws IOException {
        Matcher block = Pattern.compile("```[a-z]*\n(" + begin + ".*?)```", Pattern.DOTALL).matcher(Files.readString(GUIDE));
        assertThat(block.find()).isTrue();
        return block.group(1);
    }

    private static String told(Policy policy, String tenant, String text) {
        return policy.review(text, new Context(true, tenant, "r"), AuditLog.NONE).text();
    }

    @Test
    void theYaml() throws IOException {
        Files.writeString(directory.resolve("rivals.txt"), "# names\nBest Care\n");
        Path file = Files.writeString(directory.resolve("clinic.yaml"), block("name: clinic"));
        Policy policy = Policy.load(List.of(file.toString()));
        assertThat(told(policy, "", "Write to ann@example.org.")).isEqualTo("Write to [removed].");
        assertThat(told(policy, "", "Best Care, Acme Clinic")).isEqualTo("Best Care, Acme Clinic");
        assertThat(policy.review("Best Care, Acme Clinic, 某某医院", new Context(true, "", "r"), AuditLog.NONE).blocked()).isTrue();
        assertThat(told(policy, "", "See C-12345678.")).isEqualTo("See **********.");
        assertThat(told(policy, "archive", "See C-12345678.")).isEqualTo("See C-12345678.");
        assertThat(policy.review("All old people are slow.", new Context(true, "", "r"), AuditLog.NONE).decisions()).singleElement()
                .satisfies(decision -> assertThat(decision.action()).isEqualTo(Action.REWRITE));
    }

    @Test
    void theDrl() throws IOException {
        Path names = Files.writeString(directory.resolve("names.yaml"), "name: clinic\nrules:\n  - {id: names, words: [smith]}\n");
        Path drl = Files.writeString(directory.resolve("clinic.drl"), block("package clinic"));
        Policy policy = Policy.load(List.of(names.toString(), drl.toString()));
        assertThat(told(policy, "", "Smith and Smith.")).isEqualTo("***** and *****.");
        assertThat(policy.review("Smith, Smith, Smith", new Context(true, "", "r"), AuditLog.NONE).blocked()).isTrue();
    }
}
