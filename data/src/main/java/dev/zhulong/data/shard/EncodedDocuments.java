package dev.zhulong.data.shard;

import dev.zhulong.text.Tokenizer;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/**
 * Documents as token ids.
 *
 * @param ids   of each document, without BOS and EOS
 * @param bytes of each document's text in UTF-8
 */
public record EncodedDocuments(List<int[]> ids, int[] bytes) {
    /** Encodes texts on all cores. */
    public static EncodedDocuments of(List<String> texts, Tokenizer tokenizer) {
        return new EncodedDocuments(tokenizer.encodeAll(texts), texts.stream().mapToInt(text -> text.getBytes(StandardCharsets.UTF_8).length).toArray());
    }

    /** Writes them, for {@link ShardWriter#assemble}. */
    public void write(DataOutputStream out) throws IOException {
        out.writeInt(bytes.length);
        for (int i = 0; i < bytes.length; i++) {
            out.writeInt(bytes[i]);
            out.writeInt(ids.get(i).length);
            var buffer = ByteBuffer.allocate(Integer.BYTES * ids.get(i).length);
            buffer.asIntBuffer().put(ids.get(i));
            out.write(buffer.array());
        }
    }

    /** The next ones that were written, null at the end. */
    static EncodedDocuments read(DataInputStream in) throws IOException {
        int count;
        try {
            count = in.readInt();
        } catch (EOFException end) {
            return null;
        }
        var ids = new ArrayList<int[]>(count);
        var bytes = new int[count];
        for (int i = 0; i < count; i++) {
            bytes[i] = in.readInt();
            var document = new int[in.readInt()];
            var buffer = ByteBuffer.allocate(Integer.BYTES * document.length);
            in.readFully(buffer.array());
            buffer.asIntBuffer().get(document);
            ids.add(document);
        }
        return new EncodedDocuments(ids, bytes);
    }
}
