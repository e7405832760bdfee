package dev.zhulong.text;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;

class SentencePieceJoinsTheBestScoreFirstTest {
    private static final int FIRST_BYTE = 1000;

    /** The rule as it is written: look at every pair of neighbours, join the best, start again. */
    private static List<Integer> plain(Map<String, Integer> pieces, float[] scores, String text) {
        List<String> symbols = new ArrayList<>(text.codePoints().mapToObj(Character::toString).toList());
        while (true) {
            int best = -1;
            for (int i = 0; i + 1 < symbols.size(); i++) {
                Integer id = pieces.get(symbols.get(i) + symbols.get(i + 1));
                if (id != null && (best < 0 || scores[id] > scores[pieces.get(symbols.get(best) + symbols.get(best + 1))])) {
                    best = i;
                }
            }
            if (best < 0) {
                break;
            }
            symbols.set(best, symbols.get(best) + symbols.remove(best + 1));
        }
        List<Integer> ids = new ArrayList<>();
        for (String symbol : symbols) {
            Integer id = pieces.get(symbol);
            if (id != null) {
                ids.add(id);
            } else {
                for (byte b : symbol.getBytes(StandardCharsets.UTF_8)) {
                    ids.add(FIRST_BYTE + (b & 0xff));
                }
            }
        }
        return ids;
    }

    private static int[] byteIds() {
        int[] ids = new int[256];
        for (int b = 0; b < 256; b++) {
            ids[b] = FIRST_BYTE + b;
        }
        return ids;
    }

    /** Many equal scores, pieces of characters that are none themselves, and texts on both sides of the length where a queue takes over. */
    @Test
    void randomVocabulariesAndTexts() {
        Random random = new Random(31);
        String[] alphabet = {"a", "b", "c", "é", "文", "\uD83D\uDE00", SentencePieceBpe.SPACE};
        for (int round = 0; round < 300; round++) {
            Map<String, Integer> pieces = new HashMap<>();
            float[] scores = new float[FIRST_BYTE + 256];
            for (int id = 0; id < 40; id++) {
                StringBuilder piece = new StringBuilder();
                for (int k = 1 + random.nextInt(5); k > 0; k--) {
                    piece.append(alphabet[random.nextInt(alphabet.length)]);
                }
                if (pieces.putIfAbsent(piece.toString(), id) == null) {
                    scores[id] = new float[] {-1, -2, -2.5f, -1e9f, 0, -0.0f}[random.nextInt(6)];
                }
            }
            var bpe = new SentencePieceBpe(pieces, scores, byteIds());
            for (int k = 0; k < 20; k++) {
                StringBuilder text = new StringBuilder();
                for (int n = random.nextInt(k < 10 ? 20 : 90); n > 0; n--) {
                    text.append(alphabet[random.nextInt(alphabet.length)]);
                }
                assertThat(bpe.encode(text.toString())).as(text.toString()).containsExactly(
                        plain(pieces, scores, text.toString()).stream().mapToInt(i -> i).toArray());
            }
        }
    }

    @Test
    void piecesThatWouldTakeMinutesAreRefused() {
        Map<String, Integer> pieces = Map.of("x".repeat(100_000), 0);
        assertThatThrownBy(() -> new SentencePieceBpe(pieces, new float[1], byteIds())).isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("pieces of the length of words");
    }

    @Test
    void textsOfAMillionCharactersTakeNoTimeToSpeakOf() {
        Map<String, Integer> pieces = Map.of("a", 0, "aa", 1, "aaaa", 2);
        int[] ids = new SentencePieceBpe(pieces, new float[] {0, -1, -2}, byteIds()).encode("a".repeat(1_000_000));
        assertThat(ids).hasSize(250_000).containsOnly(2);
    }
}
