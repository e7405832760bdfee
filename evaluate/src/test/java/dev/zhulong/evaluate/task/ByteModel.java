package dev.zhulong.evaluate.task;

import dev.zhulong.infer.FakeModel;
import dev.zhulong.text.ByteTokenizer;
import dev.zhulong.text.chat.ChatEncoder;
import dev.zhulong.text.chat.ChatTemplate;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.TreeMap;
import java.util.function.Function;

/** A model over bytes (ids 0 to 255; 256 is BOS, 257 EOS) whose logits are a given function of all it has read. */
final class ByteModel extends FakeModel {
    static final int VOCAB = 258;

    /** @param logits of the text read so far, BOS left out */
    ByteModel(int context, Function<String, float[]> logits) {
        super(VOCAB, context, List.of(ByteTokenizer.EOS), ids -> logits.apply(text(ids)));
    }

    /** Logits that depend on all that was read, in its order. */
    static ByteModel hashed(int context) {
        return new ByteModel(context, ByteModel::hashedRow);
    }

    static float[] hashedRow(String text) {
        var random = new SplittableRandom(text.hashCode() * 0x9E3779B97F4A7C15L);
        float[] row = new float[VOCAB];
        for (int i = 0; i < VOCAB; i++) {
            row[i] = (float) (random.nextDouble() * 8 - 4);
        }
        return row;
    }

    /** A model that says {@code answer(prompt)} after a prompt that ends in {@code mark}, and then ends. */
    static ByteModel saying(int context, String mark, Function<String, String> answer) {
        return new ByteModel(context, text -> {
            int end = text.lastIndexOf(mark);
            String said = text.substring(end + mark.length());
            byte[] wanted = answer.apply(text.substring(0, Math.max(0, end))).getBytes(StandardCharsets.ISO_8859_1);
            float[] row = new float[VOCAB];
            int at = said.length();
            row[at < wanted.length ? wanted[at] & 0xff : 257] = 50;
            return row;
        });
    }

    Subject subject(String name) {
        var tokenizer = new ByteTokenizer(true, true);
        return new Subject(name, this, tokenizer, new ChatEncoder(ChatTemplate.chatMl(Map.of()), tokenizer), new TreeMap<>(Map.of("name", name)));
    }

    private static String text(List<Integer> ids) {
        var text = new StringBuilder();
        ids.stream().filter(id -> id < 256).forEach(id -> text.append((char) (int) id));
        return text.toString();
    }
}
