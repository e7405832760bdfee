package dev.zhulong.edge;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Random;

/** A GGUF file written by hand, key by key: a Llama of two layers with random weights in F32 and a vocabulary of the bytes. */
final class TinyGguf {
    static final int HIDDEN = 32;
    static final int VOCAB = 259;

    final Map<String, Object> keys = new LinkedHashMap<>();
    final Map<String, int[]> shapes = new LinkedHashMap<>();

    TinyGguf() {
        String[] tokens = new String[VOCAB];
        int[] types = new int[VOCAB];
        String[] first = {"<unk>", "<s>", "</s>"};
        for (int id = 0; id < VOCAB; id++) {
            tokens[id] = id < 3 ? first[id] : "<0x%02X>".formatted(id - 3);
            types[id] = id == 0 ? 2 : id < 3 ? 3 : 6;
        }
        keys.put("general.architecture", "llama");
        keys.put("llama.embedding_length", HIDDEN);
        keys.put("llama.feed_forward_length", 64);
        keys.put("llama.block_count", 2);
        keys.put("llama.context_length", 32);
        keys.put("llama.attention.head_count", 4);
        keys.put("llama.attention.head_count_kv", 2);
        keys.put("llama.attention.layer_norm_rms_epsilon", 1e-5f);
        keys.put("tokenizer.ggml.model", "llama");
        keys.put("tokenizer.ggml.tokens", tokens);
        keys.put("tokenizer.ggml.scores", new float[VOCAB]);
        keys.put("tokenizer.ggml.token_type", types);
        shapes.put("token_embd.weight", new int[] {VOCAB, HIDDEN});
        shapes.put("output_norm.weight", new int[] {HIDDEN});
        for (int l = 0; l < 2; l++) {
            String at = "blk." + l + ".";
            for (String square : new String[] {"attn_q", "attn_output"}) {
                shapes.put(at + square + ".weight", new int[] {HIDDEN, HIDDEN});
            }
            for (String narrow : new String[] {"attn_k", "attn_v"}) {
                shapes.put(at + narrow + ".weight", new int[] {HIDDEN / 2, HIDDEN});
            }
            for (String norm : new String[] {"attn_norm", "ffn_norm"}) {
                shapes.put(at + norm + ".weight", new int[] {HIDDEN});
            }
            shapes.put(at + "ffn_gate.weight", new int[] {64, HIDDEN});
            shapes.put(at + "ffn_up.weight", new int[] {64, HIDDEN});
            shapes.put(at + "ffn_down.weight", new int[] {HIDDEN, 64});
        }
    }

    byte[] bytes() {
        var head = new ByteArrayOutputStream();
        put(head, 4, 0x46554747);
        put(head, 4, 3);
        put(head, 8, shapes.size());
        put(head, 8, keys.size());
        keys.forEach((key, value) -> {
            text(head, key);
            value(head, value);
        });
        long offset = 0;
        for (Map.Entry<String, int[]> tensor : shapes.entrySet()) {
            int[] shape = tensor.getValue();
            text(head, tensor.getKey());
            put(head, 4, shape.length);
            long elements = 1;
            for (int i = shape.length - 1; i >= 0; i--) {
                put(head, 8, shape[i]);
                elements *= shape[i];
            }
            put(head, 4, 0);
            put(head, 8, offset);
            offset += (elements * 4 + 31) / 32 * 32;
        }
        while (head.size() % 32 != 0) {
            head.write(0);
        }
        ByteBuffer all = ByteBuffer.allocate((int) (head.size() + offset)).order(ByteOrder.LITTLE_ENDIAN).put(head.toByteArray());
        var random = new Random(7);
        while (all.remaining() >= 4) {
            all.putFloat((float) random.nextGaussian() * 0.3f);
        }
        return all.array();
    }

    private static void put(ByteArrayOutputStream out, int bytes, long value) {
        for (int i = 0; i < bytes; i++) {
            out.write((int) (value >> 8 * i));
        }
    }

    private static void text(ByteArrayOutputStream out, String text) {
        byte[] utf8 = text.getBytes(StandardCharsets.UTF_8);
        put(out, 8, utf8.length);
        out.writeBytes(utf8);
    }

    private static void value(ByteArrayOutputStream out, Object value) {
        switch (value) {
            case String text -> {
                put(out, 4, 8);
                text(out, text);
            }
            case Integer number -> {
                put(out, 4, 5);
                put(out, 4, number);
            }
            case Float number -> {
                put(out, 4, 6);
                put(out, 4, Float.floatToIntBits(number));
            }
            case String[] texts -> {
                put(out, 4, 9);
                put(out, 4, 8);
                put(out, 8, texts.length);
                for (String text : texts) {
                    text(out, text);
                }
            }
            case float[] numbers -> {
                put(out, 4, 9);
                put(out, 4, 6);
                put(out, 8, numbers.length);
                for (float number : numbers) {
                    put(out, 4, Float.floatToIntBits(number));
                }
            }
            case int[] numbers -> {
                put(out, 4, 9);
                put(out, 4, 5);
                put(out, 8, numbers.length);
                for (int number : numbers) {
                    put(out, 4, number);
                }
            }
            default -> throw new IllegalArgumentException(value.toString());
        }
    }
}
