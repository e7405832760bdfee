package dev.zhulong.serve;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Base64;
import java.util.List;

/**
 * How vectors are told.
 *
 * @param base64     as the bytes of their floats, little-endian, and not as numbers
 * @param dimensions numbers of each
 */
record EmbeddingForm(boolean base64, int dimensions) {
    /** What a request asks for, of vectors of {@code width}. */
    static EmbeddingForm read(Fields body, int width) {
        String format = body.text("encoding_format", "float");
        if (!format.equals("float") && !format.equals("base64")) {
            throw body.wrong("encoding_format", "must be \"float\" or \"base64\"");
        }
        return new EmbeddingForm(format.equals("base64"), body.integer("dimensions", 1, Integer.MAX_VALUE, (long) width).intValue());
    }

    /** The answer. */
    ObjectNode list(List<float[]> vectors, String model, int tokens) {
        ObjectNode tree = Json.object().put("object", "list");
        ArrayNode data = tree.putArray("data");
        for (float[] vector : vectors) {
            ObjectNode entry = data.addObject().put("object", "embedding").put("index", data.size() - 1);
            if (base64) {
                entry.put("embedding", bytes(vector));
            } else {
                ArrayNode values = entry.putArray("embedding");
                for (float value : vector) {
                    values.add(value);
                }
            }
        }
        tree.put("model", model);
        tree.putObject("usage").put("prompt_tokens", tokens).put("total_tokens", tokens);
        return tree;
    }

    private static String bytes(float[] vector) {
        ByteBuffer bytes = ByteBuffer.allocate(Float.BYTES * vector.length).order(ByteOrder.LITTLE_ENDIAN);
        bytes.asFloatBuffer().put(vector);
        return Base64.getEncoder().encodeToString(bytes.array());
    }
}
