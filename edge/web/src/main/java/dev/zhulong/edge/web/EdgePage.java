package dev.zhulong.edge.web;

import dev.zhulong.edge.EdgeModel;
import dev.zhulong.edge.EdgeSampler;
import dev.zhulong.edge.EdgeWriter;
import org.teavm.jso.JSExport;
import org.teavm.jso.typedarrays.Int8Array;

/** What a page's script calls: one model, one text at a time. Errors are texts, since exceptions do not cross into scripts. */
public final class EdgePage {
    private static EdgeModel model;
    private static EdgeWriter writer;
    private static byte[] piece = {};
    private static String error = "";

    private EdgePage() {}

    public static void main(String[] args) {
        // the exports are all there is
    }

    /** Reads a GGUF file; false where it cannot be used, and {@link #error} says why. */
    @JSExport
    public static boolean open(Int8Array file) {
        try {
            model = null;
            writer = null;
            model = new EdgeModel(file.copyToJavaArray());
            return true;
        } catch (RuntimeException e) {
            return failed(e);
        }
    }

    /** Whether prompts are to be brought into NFC. */
    @JSExport
    public static boolean composes() {
        return model.tokenizer().composes();
    }

    /** Begins a text; false as {@link #open}. */
    @JSExport
    public static boolean begin(String prompt, double temperature, int topK, double topP, double minP, double seed) {
        try {
            writer = new EdgeWriter(model, new EdgeSampler(temperature, topK, topP, minP, (long) seed), model.tokenizer().sequence(prompt));
            return true;
        } catch (RuntimeException e) {
            return failed(e);
        }
    }

    /** Writes one token: its id, -1 at the end of the text, -2 as {@link #open} fails. */
    @JSExport
    public static int next() {
        try {
            byte[] next = writer.next();
            piece = next == null ? new byte[0] : next;
            return next == null ? -1 : writer.token();
        } catch (RuntimeException e) {
            failed(e);
            return -2;
        }
    }

    /** The last token's bytes in UTF-8. */
    @JSExport
    public static Int8Array piece() {
        Int8Array bytes = new Int8Array(piece.length);
        for (int i = 0; i < piece.length; i++) {
            bytes.set(i, piece[i]);
        }
        return bytes;
    }

    @JSExport
    public static String error() {
        return error;
    }

    private static boolean failed(RuntimeException e) {
        error = String.valueOf(e.getMessage());
        return false;
    }
}
