package dev.zhulong.recipe;

import dev.zhulong.formats.gguf.GgufFile;
import dev.zhulong.text.GgufTokenizer;
import dev.zhulong.text.InputTokenizer;
import dev.zhulong.text.Tokenizer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.TreeMap;

/** Whether two models say the same by the same ids: their files may be written in other ways. */
final class SameTokenizer {
    private SameTokenizer() {}

    /**
     * Compares a teacher, a directory or a GGUF file, with a student's directory.
     *
     * @param remedy what to do where they differ
     * @throws IllegalArgumentException where they do
     */
    static void require(Path teacher, Path student, String remedy) {
        String one = digest(teacher);
        String other = digest(student);
        if (!one.equals(other)) {
            throw new IllegalArgumentException(teacher + " has another tokenizer than " + student + " (" + one.substring(0, 12) + ", " + other.substring(0, 12)
                    + "): with different tokenizers the same ids stand for other tokens; " + remedy);
        }
    }

    private static Tokenizer open(Path model) {
        if (!GgufFile.isOne(model)) {
            return InputTokenizer.load(model);
        }
        try (GgufFile file = GgufFile.open(model)) {
            return GgufTokenizer.load(file.metadata());
        }
    }

    /** Of the bytes and the control tokens that ids stand for, in hexadecimal digits. */
    static String digest(Path model) {
        try (Tokenizer tokenizer = open(model)) {
            MessageDigest digest = MessageDigest.getInstance("SHA-256");
            for (int id = 0; id < tokenizer.vocabSize(); id++) {
                byte[] bytes = tokenizer.has(id) ? tokenizer.bytes(id) : new byte[0];
                digest.update((id + " " + bytes.length + " ").getBytes(StandardCharsets.UTF_8));
                digest.update(bytes);
            }
            digest.update(new TreeMap<>(tokenizer.controlTokens()).toString().getBytes(StandardCharsets.UTF_8));
            return HexFormat.of().formatHex(digest.digest());
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException(e);
        }
    }
}
