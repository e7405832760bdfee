package dev.zhulong.text;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.zhulong.text.encode.AnswerSearch;
import dev.zhulong.text.encode.AnswerSpan;
import dev.zhulong.text.encode.EncodedText;
import dev.zhulong.text.encode.EncoderTokenizer;
import dev.zhulong.text.encode.WordTags;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class LabelsOfWordsAndSpansOfAnswersTest {
    @TempDir
    Path directory;
    private EncoderTokenizer tokenizer;

    @BeforeEach
    void open() {
        WordPieces.write(directory);
        tokenizer = EncoderTokenizer.load(directory);
    }

    @AfterEach
    void close() {
        tokenizer.close();
    }

    @Test
    void theFirstTokenOfAWordCarriesItsLabel() {
        // [CLS] re ##turn hello w ##orld [SEP]; the second word is of nothing that is kept
        EncodedText input = tokenizer.encodeWords(List.of("Return", "\u0000", "hello", "world"), 100);
        assertThat(input.words()).startsWith(-1, 0, 0, 2).endsWith(3, -1);
        assertThat(input.from()).startsWith(0, 0, 2, 0);
        assertThat(input.to()).startsWith(0, 2, 6, 5);
        int[] labels = WordTags.toTokens(input, new int[] {5, 6, 7, 8});
        assertThat(labels).startsWith(-100, 5, -100, 7, 8).endsWith(-100);
        assertThat(WordTags.toWords(input, labels, 4, -1)).containsExactly(5, -1, 7, 8);
    }

    @Test
    void wordsThatAreCutOffHaveNoLabel() {
        EncodedText input = tokenizer.encodeWords(List.of("hello", "return", "hello"), 4);
        assertThat(input.length()).isEqualTo(4);
        assertThat(WordTags.toWords(input, WordTags.toTokens(input, new int[] {1, 2, 3}), 3, 0)).containsExactly(1, 2, 0);
    }

    @Test
    void sameNumbersOfNeighbouringTextsAreDifferentWords() {
        EncodedText pair = tokenizer.encode("hello", "hello", 100);
        assertThat(WordTags.toTokens(pair, new int[] {4})).containsExactly(-100, 4, -100, 4, -100);
    }

    @Test
    void anAnswerIsWhereItsCharactersAre() {
        String context = "hello world, hello return";
        EncodedText whole = tokenizer.windows("the", context, 100, 0).getFirst();
        AnswerSpan span = AnswerSpan.of(whole, 13, 25);
        assertThat(context.substring(whole.from()[span.start()], whole.to()[span.end()])).isEqualTo("hello return");
        // inside a token: all of the token
        AnswerSpan inside = AnswerSpan.of(whole, 14, 16);
        assertThat(context.substring(whole.from()[inside.start()], whole.to()[inside.end()])).isEqualTo("hello");
        int seen = 0;
        for (EncodedText window : tokenizer.windows("the", context, 9, 2)) {
            AnswerSpan there = AnswerSpan.of(window, 6, 11);
            seen += there.equals(AnswerSpan.NONE) ? 0 : 1;
            assertThat(there.equals(AnswerSpan.NONE) || context.substring(window.from()[there.start()], window.to()[there.end()]).equals("world")).isTrue();
        }
        assertThat(seen).isPositive();
        assertThat(AnswerSpan.of(tokenizer.windows("the", "", 9, 2).getFirst(), 0, 0)).isEqualTo(AnswerSpan.NONE);
    }

    /** Against every span of every window, scored one by one. */
    @Test
    void theBestSpanOfAllIsFound() {
        var random = new Random(3);
        String context = "hello world return the world hello return world the hello";
        for (int round = 0; round < 300; round++) {
            List<EncodedText> windows = tokenizer.windows("the hello", context, 11, 3);
            List<float[]> starts = new ArrayList<>();
            List<float[]> ends = new ArrayList<>();
            for (EncodedText window : windows) {
                starts.add(random(random, window.length() + 2));
                ends.add(random(random, window.length() + 2));
            }
            int longest = 1 + random.nextInt(4);
            record Span(int from, int to, double score) {}
            List<Span> all = new ArrayList<>();
            double none = Double.MAX_VALUE;
            for (int w = 0; w < windows.size(); w++) {
                EncodedText window = windows.get(w);
                none = Math.min(none, (double) starts.get(w)[0] + ends.get(w)[0]);
                for (int s = 0; s < window.length(); s++) {
                    for (int e = s; e < Math.min(window.length(), s + longest); e++) {
                        if (window.parts()[s] == 1 && window.parts()[e] == 1) {
                            all.add(new Span(window.from()[s], window.to()[e], (double) starts.get(w)[s] + ends.get(w)[e]));
                        }
                    }
                }
            }
            Span best = all.stream().max(Comparator.comparingDouble(Span::score)).orElseThrow();
            var found = new AnswerSearch(20, longest, false, 0).find(context, windows, starts, ends);
            assertThat(found.from()).isEqualTo(best.from);
            assertThat(found.to()).isEqualTo(best.to);
            assertThat(found.text()).isEqualTo(context.substring(best.from, best.to));
            double threshold = random.nextInt(5) - 2;
            var nullable = new AnswerSearch(20, longest, true, threshold).find(context, windows, starts, ends);
            assertThat(nullable.text()).isEqualTo(none - best.score > threshold ? "" : context.substring(best.from, best.to));
            assertThat(found.probability()).isBetween(0.0, 1.0);
        }
    }

    /** Few starts and ends, short answers, thresholds of both signs: as the example in Python has it. */
    @Test
    void answersAreThoseOfTheExample() throws IOException {
        JsonNode fixture;
        try (var in = getClass().getResourceAsStream("/answers/search.json")) {
            fixture = new ObjectMapper().readTree(in);
        }
        String context = fixture.get("context").asText();
        String[] words = context.split(" ");
        for (JsonNode one : fixture.get("cases")) {
            int question = one.get("question").asInt();
            int room = one.get("room").asInt();
            List<EncodedText> windows = new ArrayList<>();
            for (int from = 0; windows.size() < one.get("starts").size(); from += room - one.get("overlap").asInt()) {
                windows.add(window(words, question, from, Math.min(words.length, from + room)));
            }
            var search = new AnswerSearch(one.get("best").asInt(), one.get("longest").asInt(), one.get("nullable").asBoolean(), one.get("threshold").asDouble());
            var found = search.find(context, windows, logits(one.get("starts")), logits(one.get("ends")));
            assertThat(found.text()).as(one.toString()).isEqualTo(one.get("text").asText());
            if (!found.text().isEmpty()) {
                assertThat(found.probability()).as(one.toString()).isCloseTo(one.get("probability").asDouble(), within(1e-6));
            }
        }
    }

    /** [CLS] question [SEP] words [SEP], a token a word. */
    private static EncodedText window(String[] words, int question, int from, int to) {
        int n = question + 3 + to - from;
        var input = new EncodedText(new int[n], new int[n], new int[n], new int[n], new int[n], new int[n]);
        for (int i : new int[] {0, question + 1, n - 1}) {
            input.parts()[i] = EncodedText.SPECIAL;
        }
        int at = 0;
        for (int word = 0; word < to; word++) {
            if (word >= from) {
                int i = question + 2 + word - from;
                input.parts()[i] = 1;
                input.from()[i] = at;
                input.to()[i] = at + words[word].length();
            }
            at += words[word].length() + 1;
        }
        return input;
    }

    private static List<float[]> logits(JsonNode windows) {
        List<float[]> all = new ArrayList<>();
        for (JsonNode window : windows) {
            float[] own = new float[window.size()];
            for (int i = 0; i < own.length; i++) {
                own[i] = (float) window.get(i).asDouble();
            }
            all.add(own);
        }
        return all;
    }

    @Test
    void noSpanMeansNoAnswer() {
        EncodedText window = tokenizer.windows("the", "hello", 20, 0).getFirst();
        float[] start = {9, 8, 0, 0, 0};
        float[] end = {9, 8, 0, 0, 0};
        // the likeliest two of each lie outside the context
        var answer = new AnswerSearch(2, 30, true, 0).find("hello", List.of(window), List.of(start), List.of(end));
        assertThat(answer.text()).isEmpty();
        assertThat(answer.score()).isEqualTo(18);
        assertThat(answer.probability()).isEqualTo(1);
        assertThat(new AnswerSearch(2, 30, false, 0).find("hello", List.of(window), List.of(start), List.of(end)).text()).isEmpty();
        assertThatThrownBy(() -> AnswerSearch.DEFAULT.find("hello", List.of(window), List.of(start), List.of())).hasMessageContaining("1 windows");
    }

    private static float[] random(Random random, int n) {
        float[] values = new float[n];
        for (int i = 0; i < n; i++) {
            values[i] = random.nextFloat() * 8 - 4;
        }
        return values;
    }
}
