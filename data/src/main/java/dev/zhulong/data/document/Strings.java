package dev.zhulong.data.document;

import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/** Strings of any length between processes, which {@code writeUTF} ends at 64 KiB. They must be well-formed. */
public final class Strings {
    private Strings() { }

    /** Writes one, for {@link #read}. */
    public static void write(String text, DataOutputStream out) throws IOException {
        byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
        out.writeInt(bytes.length);
        out.write(bytes);
    }

    /** Writes a list, for {@link #readAll}. */
    public static void write(List<String> texts, DataOutputStream out) throws IOException {
        out.writeInt(texts.size());
        for (String text : texts) {
            write(text, out);
        }
    }

    /** What {@link #write(String, DataOutputStream)} wrote. */
    public static String read(DataInputStream in) throws IOException {
        return new String(in.readNBytes(in.readInt()), StandardCharsets.UTF_8);
    }

    /** What {@link #write(List, DataOutputStream)} wrote. */
    public static List<String> readAll(DataInputStream in) throws IOException {
        var all = new ArrayList<String>();
        for (int i = in.readInt(); i > 0; i--) {
            all.add(read(in));
        }
        return List.copyOf(all);
    }
}
