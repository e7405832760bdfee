package dev.zhulong.recipe;

import dev.zhulong.text.HuggingFaceTokenizer;
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

    /** @throws IllegalArgumentException where they do not */
    static void require(Path teacher, Path student) {
        String one = digest(teacher);
        String other = digest(student);
        if (!one.equals(other)) {
            throw new IllegalArgumentException("teacher and student have different tokenizers (" + one.substring(0, 12) + " in " + teacher + ", " + other.substring(0, 12) + " in " + student
                    + "), so their distributions are over different tokens: take a student with the teacher's tokenizer, or cut one from the teacher (--layers)");
        }
    }

    /** Of the bytes and the control tokens that ids stand for. */
    private static String digest(Path model) {
        try (Tokenizer tokenizer = HuggingFaceTokenizer.load(model)) {
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
