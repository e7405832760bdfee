package dev.zhulong.guard;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Where it took the square of the matches, each of these took minutes. */
@Timeout(120)
class RulesTakeTimeInProportionToTheTextTest {
    private static final Context OUT = new Context(true, "", "");
    private static final int MANY = 30_000;
    @TempDir
    Path directory;

    private Policy policy() throws IOException {
        Path file = Files.writeString(directory.resolve("rules.yaml"), """
                name: t
                rules:
                  - {id: mask, words: [foe, foe foe], action: mask}
                  - {id: replace, words: [cat], action: replace, with: dog}
                  - {id: overlap, patterns: ['foe.{0,20}x'], action: mask}
                  - {id: open, patterns: ['foe(.*=)?'], action: mask}
                  - {id: note, words: [foe], action: annotate, with: Careful.}
                  - {id: checked, patterns: ['\\d+'], check: luhn, action: mask}
                  - {id: end, words: [end], at-least: 1000000, action: block}
                """);
        return Policy.load(List.of(file.toString(), "builtin:privacy"));
    }

    @Test
    void whateverIsDoneAboutTheMatches() throws IOException {
        Policy policy = policy();
        for (String part : List.of("foe ", "cat ", "foe x", "f\u200bo\u0301e\\n", "cat\\u0020", "a@b.de ", "end ", "13800138000,")) {
            Review review = policy.review(part.repeat(MANY), OUT, AuditLog.NONE);
            assertThat(review.blocked()).isFalse();
            assertThat(review.decisions().size()).as(part).isGreaterThanOrEqualTo(part.equals("end ") ? 0 : MANY);
        }
    }

    @Test
    void whateverFailsNearly() throws IOException {
        Policy policy = policy();
        for (String part : List.of("0", "9", "4 ", "a:", ":", "de89", "a@", "+1 ", "1.", "a", "fo", "\\", "\u0301")) {
            assertThat(policy.review(part.repeat(MANY), OUT, AuditLog.NONE).blocked()).as(part).isFalse();
        }
    }

    @Test
    void inPiecesWithEachPieceAskedAboutAndKeptInTheLog() throws IOException {
        var lines = new StringWriter();
        try (GuardedStream stream = policy().stream(OUT, AuditLog.to(lines))) {
            int told = 0;
            for (int i = 0; i < MANY; i++) {
                told += stream.push("ca").length() + stream.push("t ").length();
                assertThat(stream.decisions()).hasSizeGreaterThanOrEqualTo(i);
                assertThat(i < 2 || stream.changed(4 * i - 8, 4 * i - 6)).isTrue();
            }
            assertThat(told + stream.finish().length()).isEqualTo(4 * MANY);
        }
        assertThat(lines.toString().lines()).hasSize(MANY);
    }

    @Test
    void nobodyNeedsToWaitForTheEnd() throws IOException {
        Policy policy = policy();
        var looks = new AtomicInteger();
        Runnable watch = () -> {
            if (looks.incrementAndGet() == 3) {
                throw new IllegalStateException("enough");
            }
        };
        assertThatThrownBy(() -> policy.review("foe ".repeat(MANY), OUT, AuditLog.NONE, watch)).hasMessage("enough");
        looks.set(0);
        try (GuardedStream stream = policy.stream(OUT, AuditLog.NONE, watch)) {
            assertThatThrownBy(() -> {
                for (int i = 0; i < MANY; i++) {
                    stream.push("f");
                }
            }).hasMessage("enough");
        }
        looks.set(0);
        assertThatThrownBy(() -> {
            for (int i = 0; i < 3; i++) {
                policy.review("short", OUT, AuditLog.NONE, watch);
            }
        }).hasMessage("enough");
    }
}
