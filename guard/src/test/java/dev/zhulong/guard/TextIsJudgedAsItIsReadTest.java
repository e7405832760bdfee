package dev.zhulong.guard;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.io.StringWriter;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.HexFormat;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TextIsJudgedAsItIsReadTest {
    private static final Context OUT = new Context(true, "anna", "r1");
    private static final Context IN = new Context(false, "anna", "r1");
    @TempDir
    static Path directory;
    private static Policy policy;

    @BeforeAll
    static void compile() throws IOException {
        Files.writeString(directory.resolve("list.txt"), "# a list\nfoo bar\n");
        policy = load("""
                name: test
                rules:
                  - {id: word, words: [badword, bad, 台湾话, ass], action: mask}
                  - {id: file, word-files: [list.txt], action: replace, with: X}
                  - {id: number, patterns: ['\\bno\\. ?\\d{2,}\\b'], action: replace, with: "[n]"}
                  - {id: stop, words: [forbidden, forbidden fruit], action: block, with: "Not this."}
                  - {id: card, pii: [credit-card, iban, email, phone-cn, id-card-cn, ip], action: replace, with: "#"}
                  - {id: often, on: output, words: [gold], at-least: 3, action: block}
                  - {id: note, words: [stocks], on: output, action: annotate, with: Careful.}
                  - {id: only-bert, words: [secret], when: 'tenant == "bert"', action: mask}
                """);
    }

    private static Policy load(String yaml) throws IOException {
        Path file = Files.createTempFile(directory, "rules", ".yaml");
        Files.writeString(file, yaml);
        return Policy.load(List.of(file.toString()));
    }

    private static String out(String text) {
        return policy.review(text, OUT, AuditLog.NONE).text();
    }

    @Test
    void disguisesOfAWordAreTheWord() {
        for (String word : List.of("badword", "BadWord", "ｂａｄｗｏｒｄ", "bad\u200bword", "b\u0430dw\u043erd", "b4dw0rd", "b@dword", "bádwörd", "𝐛𝐚𝐝𝐰𝐨𝐫𝐝", "ba\u00addword")) {
            assertThat(out("a " + word + " b")).as(word).matches("a \\*+ b");
        }
        assertThat(out("臺灣話")).isEqualTo("***");
        assertThat(out("我说台湾话吗")).isEqualTo("我说***吗");
    }

    @Test
    void lettersAreReadWithoutTheirStrokesAndFormsAsTheLetter() {
        for (String word : List.of("badwørd", "bađworđ", "ƀaɗword", "bⱥdword", "ʙᴀᴅᴡᴏʀᴅ", "BΑDWΟRD", "ВАDWORD", "🅱🅐🅓word", "ⓑⓐⓓⓦⓞⓡⓓ", "🄱🄰🄳🅆🄾🅁🄳", "ʙaɖwoɍd", "𝖇𝖆𝖉𝖜𝖔𝖗𝖉", "Ꮟadword", "ꓐꓮꓓword", "bɑdword")) {
            assertThat(out("a " + word + " b")).as(word).matches("a \\*+ b");
        }
        for (String word : List.of("aß", "ɑſs", "Aẞ", "𝐚ß", "α55", "aʂʂ")) {
            assertThat(out("a " + word + " b")).as(word).matches("a \\*+ b");
        }
        for (String folded : List.of("æ ae", "œ oe", "Æ ae", "ß ss", "þ th", "ø o", "đ d", "ł l", "ħ h", "ƀ b", "ɗ d", "ŧ t", "ı i", "ɨ i", "ʉ u", "ð d", "ɋ q", "Ł l", "٣ 3", "३ 3", "– -", "− -")) {
            assertThat(Folding.PLAIN.of(folded.split(" ")[0])).as(folded).isEqualTo(folded.split(" ")[1]);
        }
        for (String text : List.of("там нет", "βδψ", "日本語ー", "한국어", "עברית", "क्षत्रिय")) {
            assertThat(out(text)).isEqualTo(text);
        }
    }

    @Test
    void aWordIsTheSameInCapitals() throws IOException {
        Policy words = load("""
                name: test
                rules:
                  - {id: word, words: [мудак, нет, κακό, ΚΑΚΟΣ, վատ, fuck, hell, bad], action: mask}
                """);
        for (String word : List.of("мудак", "МУДАК", "Мудак", "нет", "НЕТ", "Нет", "κακό", "ΚΑΚΟ", "Κακό", "κακός", "κακοσ", "ΚΑΚΟΣ", "վատ", "ՎԱՏ", "fucк", "FUCК", "fucκ", "нell", "Нell", "ηell", "вad", "Вad",
                "βad", "⒝⒜⒟", "🄑ad", "heŀl", "HEĿL", "bẚd")) {
            assertThat(words.review("a " + word + " b", OUT, AuditLog.NONE).text()).as(word).matches("a \\*+ b");
        }
        // a letter that looks like another in capitals alone
        for (int c = 'А'; c <= 'Я'; c++) {
            assertThat(Folding.PLAIN.of(c)).isEqualTo(Folding.PLAIN.of(Character.toLowerCase(c)));
        }
        for (int c = 'Α'; c <= 'Ω'; c++) {
            assertThat(Folding.PLAIN.of(c)).isEqualTo(Folding.PLAIN.of(Character.toLowerCase(c)));
        }
    }

    @Test
    void aRangeOfLettersIsWhatIsReadOfThem() throws IOException {
        Policy patterns = load("""
                name: test
                rules:
                  - {id: half, patterns: ['1[а-м]+2', '3[б-т]+4', '5[^а-я]6', '7[α-ω]+8', '9[é-ü]9'], action: mask}
                  - {id: han, patterns: ['x[一-龥]+x', '0[‐-―]0'], action: mask}
                """);
        for (String text : List.of("1абвгдежзиклм2", "1АБВМ2", "3бвгклмнст4", "3БВНТ4", "5z6", "7αβγκμνω8", "7ΑΒΓΩ8", "9é9", "9o9", "x漢字汉字x", "0–0")) {
            assertThat(patterns.review(text, OUT, AuditLog.NONE).text()).as(text).matches("\\*+");
        }
        for (String text : List.of("1я2", "3а4", "3АБ4", "5м6", "5Я6", "7q8", "9z9", "xабx", "0=0")) {
            assertThat(patterns.review(text, OUT, AuditLog.NONE).text()).isEqualTo(text);
        }
    }

    @Test
    void escapesAreReadAsWhatTheySpell() {
        for (String word : List.of("\\u0062adword", "b\\u0061\\u0064word", "bad\\\\u0077ord", "\\uD835\\uDC1Badword", "ｂ\\uFF41dword", "b\\u200bad\\u00adword")) {
            assertThat(out("{\"v\": \"a " + word + " b\"}")).as(word).matches("\\{\"v\": \"a \\*+ b\"}");
            assertThat(out(word)).as(word).matches("\\*+");
        }
        assertThat(out("{\"v\": \"foo\\nbar, foo\\\\nbar, foo\\tbar, foo\\r\\n bar\"}")).isEqualTo("{\"v\": \"X, X, X, X\"}");
        assertThat(out("{\"mail\": \"x\\u0040y.de\", \"card\": \"4111\\/1111\", \"url\": \"https:\\/\\/93.184.216.34\\/\"}"))
                .isEqualTo("{\"mail\": \"#\", \"card\": \"4111\\/1111\", \"url\": \"https:\\/\\/#\\/\"}");
        for (String text : List.of("C:\\new\\table", "\\u00", "\\", "\\\\", "a\\u0bad", "\\x", "\\u00e9t\\u00e9", "\\ud83d", "\\ud83dx")) {
            assertThat(out(text)).isEqualTo(text);
        }
    }

    @Test
    void otherWordsAreLeftAlone() {
        for (String text : List.of("class", "badge", "a badwords list", "assassin glass", "нет", "baadword", "gold and gold", "Übergröße", "secret")) {
            assertThat(out(text)).isEqualTo(text);
        }
        assertThat(out("bad ass, bad")).isEqualTo("*** ***, ***");
        assertThat(policy.review("a secret", new Context(true, "bert", ""), AuditLog.NONE).text()).isEqualTo("a ******");
    }

    @Test
    void theLongestMatchIsTakenAndPlacesAreThoseOfTheText() {
        Review review = policy.review("see Ｆoo  bar and No. 123x no.45!", OUT, AuditLog.NONE);
        assertThat(review.text()).isEqualTo("see X and No. 123x [n]!");
        assertThat(review.decisions().getFirst().begin()).isEqualTo(4);
        assertThat(review.decisions().getFirst().end()).isEqualTo(12);
    }

    @Test
    void aBlockEndsTheTextBeforeIt() {
        Review review = policy.review("this is forbidden fruit and more", OUT, AuditLog.NONE);
        assertThat(review.text()).isEqualTo("this is ");
        assertThat(review.blockedBy().with()).isEqualTo("Not this.");
        assertThat(out("gold gold and gold again")).isEqualTo("gold gold and ");
        assertThat(policy.review("gold gold gold", IN, AuditLog.NONE).text()).isEqualTo("gold gold gold");
    }

    @Test
    void notesAreToldOnceAtTheEnd() {
        assertThat(out("stocks and stocks")).isEqualTo("stocks and stocks\n\nCareful.");
        assertThat(policy.review("stocks", IN, AuditLog.NONE).text()).isEqualTo("stocks");
    }

    @Test
    void personalDataIsToldFromOtherNumbersByItsCheckDigits() {
        assertThat(out("card 4111 1111 1111 1111.")).isEqualTo("card #.");
        assertThat(out("card 4111 1111 1111 1112.")).isEqualTo("card 4111 1111 1111 1112.");
        assertThat(out("pay DE89 3704 0044 0532 0130 00 was told")).isEqualTo("pay # was told");
        assertThat(out("write a.b+c@example.co.uk, now")).isEqualTo("write #, now");
        assertThat(out("call 138-1234-5678 or +86 13812345678")).isEqualTo("call # or #");
        assertThat(out("id 11010519491231002X ok 110105194912310021")).isEqualTo("id # ok 110105194912310021");
        assertThat(out("10.0.0.256 and 10.0.0.25")).isEqualTo("10.0.0.256 and #");
    }

    @Test
    void whatComesInPiecesIsJudgedAsTheWhole() {
        var random = new SplittableRandom(3);
        String[] parts = {"badword", " ", "bad", "a", "ass", "forbidde", "n", " foo", "  bar", "no. 12", "3", "4111 1111 1111 1111", "x@y.de", "台湾", "話", "😀", "g", "old ", "\u200b", ".", "1", "\\", "\\u0062", "ad", "\\n"};
        for (int i = 0; i < 3000; i++) {
            var text = new StringBuilder();
            for (int j = random.nextInt(8); j >= 0; j--) {
                text.append(parts[random.nextInt(parts.length)]);
            }
            Review whole = policy.review(text.toString(), OUT, AuditLog.NONE);
            try (GuardedStream stream = policy.stream(OUT, AuditLog.NONE)) {
                var told = new StringBuilder();
                for (int at = 0; at < text.length();) {
                    int end = Math.min(text.length(), at + 1 + random.nextInt(3));
                    told.append(stream.push(text.substring(at, end)));
                    at = end;
                    assertThat(whole.text()).as(text.toString()).startsWith(told.toString());
                }
                told.append(stream.finish());
                assertThat(told.toString()).as(text.toString()).isEqualTo(whole.text());
                assertThat(stream.blockedBy() == null).isEqualTo(!whole.blocked());
            }
        }
    }

    @Test
    void whatCanBePartOfNothingIsToldAtOnce() {
        try (GuardedStream stream = policy.stream(OUT, AuditLog.NONE)) {
            assertThat(stream.push("Hello, ")).isEqualTo("Hello, ");
            assertThat(stream.push("forb")).isEmpty();
            assertThat(stream.push("earance ")).isEqualTo("forbearance ");
        }
    }

    @Test
    void everyDecisionIsKeptWithTheHashOfTheText() {
        var lines = new StringWriter();
        policy.review("a badword", OUT, AuditLog.to(lines));
        String hash = HexFormat.of().formatHex(Policy.sha256().digest("a badword".getBytes(StandardCharsets.UTF_8)));
        assertThat(lines.toString()).contains("\"rule\":\"test/word\"", "\"action\":\"mask\"", "\"begin\":2", "\"end\":9", hash, "\"request\":\"r1\"", "\"text\":\"output\"").doesNotContain("badword\"");
    }

    @Test
    void theLogIsForItsOwnerAloneUnlessItsFileWasThere() throws IOException {
        Path log = directory.resolve("audit.jsonl");
        assumeTrue(log.getFileSystem().supportedFileAttributeViews().contains("posix"), "no POSIX rights here");
        for (String rights : List.of("rw-------", "rw-r-----")) {
            try (AuditLog audit = AuditLog.to(log)) {
                policy.review("a badword", OUT, audit);
            }
            assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(log))).isEqualTo(rights);
            Files.setPosixFilePermissions(log, PosixFilePermissions.fromString("rw-r-----"));
        }
        assertThat(Files.readAllLines(log)).hasSize(2);
    }

    @Test
    void whatCannotBeKeptInTheLogIsNotTold() {
        var full = new StringWriter() {
            @Override
            public void write(String text) {
                throw new UncheckedIOException(new IOException("no space"));
            }
        };
        assertThatThrownBy(() -> policy.review("a badword", OUT, AuditLog.to(full))).isInstanceOf(UncheckedIOException.class);
        assertThat(policy.review("a word", OUT, AuditLog.to(full)).text()).isEqualTo("a word");
    }

    @Test
    void rulesInDroolsOwnLanguageSeeWhatWasFound() throws IOException {
        Path yaml = directory.resolve("own.yaml");
        Files.writeString(yaml, "name: own\nrules:\n  - {id: city, words: [paris, rome]}\n");
        Path drl = directory.resolve("own.drl");
        Files.writeString(drl, """
                package own
                import dev.zhulong.guard.Match
                import dev.zhulong.guard.Context
                global dev.zhulong.guard.Decisions decisions
                rule "cities"
                when
                    Context(tenant == "anna")
                    $m : Match(rule == "own/city", text == "Rome")
                then
                    decisions.add($m, "replace", "[city]");
                end
                """);
        Policy own = Policy.load(List.of(yaml.toString(), drl.toString()));
        assertThat(own.review("Paris and Rome", OUT, AuditLog.NONE).text()).isEqualTo("Paris and [city]");
        Files.writeString(drl, "rule broken when then end end");
        assertThatThrownBy(() -> Policy.load(List.of(yaml.toString(), drl.toString()))).isInstanceOf(IllegalArgumentException.class).hasMessageContaining("do not compile");
    }

    @Test
    void whatIsWrongWithAFileIsToldInALine() {
        for (String[] each : new String[][] {{"rules: []", "name must"}, {"name: a\nrules:\n - {id: x, colour: red}", "there is no 'colour'"}, {"name: a\nrules:\n - {id: x, action: burn}",
            "no action 'burn'"}, {"name: a\nrules:\n - {id: x, patterns: ['(']}", "not understood"}, {"name: a\nrules:\n - {id: x, patterns: ['a*']}", "matches nothing"}, {": [", "line"},
            {"name: a\nrules:\n - {id: x, words: [a], when: 'king ==', action: block}", "compile"}, {"name: a\nrules:\n - {id: x, pii: [dna]}", "no pii 'dna'"}}) {
            assertThatThrownBy(() -> load(each[0])).isInstanceOf(IllegalArgumentException.class).hasMessageContaining(each[1]);
        }
    }

    @Test
    void theSetsThatComeAlongDoWhatTheySay() {
        Policy all = Policy.load(Policy.BUILT_IN.stream().map(name -> "builtin:" + name).toList());
        assertThat(all.size()).isGreaterThan(10);
        assertThat(all.review("Our fund has guaranteed annual returns.", OUT, AuditLog.NONE).blockedBy().action()).isEqualTo(Action.REWRITE);
        assertThat(all.review("保证年化收益", OUT, AuditLog.NONE).blocked()).isTrue();
        assertThat(all.review("Take 500 mg of this medicine.", OUT, AuditLog.NONE).text()).doesNotContain("500").contains("doctor");
        assertThat(all.review("自杀", IN, AuditLog.NONE).blocked()).isTrue();
        assertThat(all.review("What a sh1t day, write to me@example.org", IN, AuditLog.NONE).text()).isEqualTo("What a **** day, write to [email]");
        assertThat(all.review("A quiet day in the garden.", OUT, AuditLog.NONE).decisions()).isEmpty();
    }
}
