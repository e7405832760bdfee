package dev.zhulong.formats;

import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * How a directory of others holds matrices of integers, as {@code quantization_config} says it: AutoGPTQ's and GPTQModel's {@code gptq}, AutoAWQ's {@code awq} (GEMM), and
 * vLLM's {@code compressed-tensors} ({@code pack-quantized}, {@code int-quantized} and {@code naive-quantized}). {@code docs/quantized-directory.md} has the layouts.
 *
 * @param bits  of a weight; 0 where each matrix's shapes say it
 * @param group inputs that share a scale; 0 for all of an output, or where shapes say it
 */
record PackedScheme(Method method, int bits, int group) {
    enum Method {
        /** Stored zeros are one less, modulo two to the bits. */
        GPTQ,
        GPTQ_V2,
        AWQ,
        COMPRESSED_TENSORS
    }

    private static final int MOST_GROUP = 1 << 24;
    private static final Set<String> FORMATS = Set.of("pack-quantized", "int-quantized", "naive-quantized");

    /**
     * Of the field's object; empty for a method that is none of these.
     *
     * @throws FormatException for a variant that is not read here
     */
    static Optional<PackedScheme> read(JsonFields fields, String method) {
        return switch (method) {
            case "gptq" -> Optional.of(gptq(fields));
            case "awq" -> Optional.of(awq(fields));
            case "compressed-tensors" -> Optional.of(compressedTensors(fields));
            default -> Optional.empty();
        };
    }

    private static PackedScheme gptq(JsonFields fields) {
        int bits = fields.node("bits").asInt();
        if (!List.of(2, 3, 4, 8).contains(bits)) {
            throw fields.wrong("bits", "2, 3, 4 or 8 of gptq", fields.node("bits"));
        }
        if (fields.node("dynamic").size() > 0) {
            throw fields.wrong("dynamic", "the same bits for all matrices", "some that differ");
        }
        String field = fields.named("checkpoint_format", "format");
        return new PackedScheme(switch (fields.text(field).orElse("gptq")) {
            case "gptq" -> Method.GPTQ;
            case "gptq_v2" -> Method.GPTQ_V2;
            default -> throw fields.wrong(field, "gptq or gptq_v2; convert the checkpoint to one of them", fields.node(field));
        }, bits, group(fields));
    }

    private static PackedScheme awq(JsonFields fields) {
        String field = fields.named("version", "format");
        if (!fields.text(field).orElse("gemm").equalsIgnoreCase("gemm")) {
            throw fields.wrong(field, "gemm; take the checkpoint in that form", fields.node(field));
        }
        return new PackedScheme(Method.AWQ, fields.integer("bits", 4, 4), group(fields));
    }

    private static int group(JsonFields fields) {
        return Math.max(0, fields.integer("group_size", -1, MOST_GROUP, 128));
    }

    private static PackedScheme compressedTensors(JsonFields fields) {
        requireFormat(fields);
        fields.object("sparsity_config").filter(sparse -> sparse.text("format").filter(format -> !format.equals("dense")).isPresent()).ifPresent(sparse -> {
            throw sparse.wrong("format", "dense", sparse.node("format"));
        });
        JsonFields groups = fields.object("config_groups").orElseThrow(() -> fields.wrong("config_groups", "an object of schemes", "none"));
        groups.object().fieldNames().forEachRemaining(name -> {
            JsonFields group = groups.object(name).orElseThrow(() -> groups.wrong(name, "an object", "none"));
            requireFormat(group);
            JsonFields weights = group.object("weights").orElseThrow(() -> group.wrong("weights", "an object", "none"));
            if (!weights.text("type").orElse("int").equals("int")) {
                throw weights.wrong("type", "int; take a checkpoint of integers, or one that is not quantized", weights.node("type"));
            }
            weights.integer("num_bits", 2, 8);
        });
        return new PackedScheme(Method.COMPRESSED_TENSORS, 0, 0);
    }

    private static void requireFormat(JsonFields fields) {
        if (fields.text("format").filter(format -> !FORMATS.contains(format)).isPresent()) {
            throw fields.wrong("format", "pack-quantized, int-quantized or naive-quantized", fields.node("format"));
        }
    }
}
