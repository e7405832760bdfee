package dev.zhulong.compress;

import dev.zhulong.formats.Parameter;
import dev.zhulong.formats.gguf.GgufFile;
import dev.zhulong.kernels.WeightType;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;
import java.util.function.Function;
import java.util.stream.Stream;

/** What calibrated layers were made from: where any of it has changed, an earlier run's layers are of no use. */
final class CalibrationKey {
    private CalibrationKey() {}

    /** Of the model's files (by name, size and time), the tokens, and each matrix' type. */
    static String of(Path model, CalibrationTokens tokens, StoredDecoder stored, Function<Parameter, WeightType> types) {
        try {
            MessageDigest digest = MessageDigest.getInstance("SHA-256");
            List<Path> files;
            if (Files.isDirectory(model)) {
                try (Stream<Path> all = Files.list(model)) {
                    files = all.filter(Files::isRegularFile).sorted().toList();
                }
            } else {
                try (GgufFile file = GgufFile.open(model)) {
                    files = file.parts();
                }
            }
            for (Path file : files) {
                digest.update((file.getFileName() + " " + Files.size(file) + " " + Files.getLastModifiedTime(file).toMillis() + "\n").getBytes(StandardCharsets.UTF_8));
            }
            for (int[] chunk : tokens.chunks()) {
                ByteBuffer ids = ByteBuffer.allocate(Integer.BYTES * (chunk.length + 1)).putInt(chunk.length);
                for (int id : chunk) {
                    ids.putInt(id);
                }
                digest.update(ids.array());
            }
            stored.projections().forEach(parameter -> digest.update((parameter.name() + " " + types.apply(parameter) + "\n").getBytes(StandardCharsets.UTF_8)));
            return HexFormat.of().formatHex(digest.digest());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException(e);
        }
    }
}
