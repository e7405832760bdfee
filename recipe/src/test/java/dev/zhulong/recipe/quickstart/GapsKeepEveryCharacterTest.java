package dev.zhulong.recipe.quickstart;

import static org.assertj.core.api.Assertions.assertThat;

import dev.zhulong.data.document.Document;
import dev.zhulong.recipe.EncodingTokenizer;
import dev.zhulong.text.BpeTrainer;
import dev.zhulong.text.HuggingFaceTokenizer;
import dev.zhulong.text.TokenizerJson;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.StringLength;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class GapsKeepEveryCharacterTest {
    private static final String CODE = "int twice(int x) {\n    return 2 * x;\n}\n\nString name() {\n    return \"caf\u00e9 \ud83d\ude00\";\n}\n".repeat(6);

    @Property(tries = 300)
    void beforeMiddleAndAfterMakeThePiece(@ForAll @StringLength(min = 40, max = 400) String text, @ForAll long seed) {
        if (text.chars().anyMatch(c -> c < 4)) {
            return;
        }
        for (Document piece : new FillInTheMiddle(1, 120, seed).arrange(new Document("d", text)).toList()) {
            String marked = piece.text();
            int suffix = marked.indexOf('\u0002');
            int middle = marked.indexOf('\u0003');
            assertThat(marked.charAt(0)).isEqualTo('\u0001');
            assertThat(text).contains(marked.substring(1, suffix) + marked.substring(middle + 1) + marked.substring(suffix + 1, middle));
        }
    }

    @Test
    void aSharePartsWithItsWholeTextAndTheRestStaysAsItIs() {
        var half = new FillInTheMiddle(0.5, 150, 1);
        int arranged = 0;
        for (int i = 0; i < 400; i++) {
            Document document = new Document("d" + i, "class C" + i + " {}\n" + CODE);
            List<Document> pieces = half.arrange(document).toList();
            arranged += pieces.getFirst() == document ? 0 : 1;
            assertThat(half.arrange(document).toList()).isEqualTo(pieces);
        }
        assertThat(arranged).isBetween(160, 240);
        assertThat(new FillInTheMiddle(0, 150, 1).arrange(new Document("d", CODE))).containsExactly(new Document("d", CODE));
    }

    @Test
    void marksBecomeTokensAndTextNeverDoes(@TempDir Path directory) {
        var trainer = new BpeTrainer(300, List.of(Quickstart.END_OF_TEXT, FillInTheMiddle.PREFIX, FillInTheMiddle.SUFFIX,
                FillInTheMiddle.MIDDLE));
        trainer.add(CODE);
        TokenizerJson.write(directory, trainer.train(),
                new TokenizerJson.Settings(Quickstart.END_OF_TEXT, Quickstart.END_OF_TEXT, null, false, 64));
        try (EncodingTokenizer tokenizer = Quickstart.arranged(HuggingFaceTokenizer.load(directory))) {
            int[] ids = tokenizer.encode("\u0001int a\u0002;\u0003 = 1");
            int[] expected = FillInTheMiddle.prompt(tokenizer.plain(), "int a", ";");
            assertThat(Arrays.copyOf(ids, expected.length)).isEqualTo(expected);
            assertThat(ids[0]).isEqualTo(1);
            assertThat(tokenizer.decode(ids)).isEqualTo("int a; = 1");
            int[] plain = tokenizer.encode("<|fim_prefix|>int a");
            assertThat(plain[0]).as("documents begin with BOS").isZero();
            assertThat(Arrays.stream(plain).skip(1)).as("spelled marks are text").allMatch(id -> id > 3);
        }
    }
}
