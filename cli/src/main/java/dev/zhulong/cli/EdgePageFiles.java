package dev.zhulong.cli;

import dev.zhulong.edge.EdgeModel;
import dev.zhulong.formats.AtomicFile;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;

/** A page that runs a model in a browser, and the jar that runs it on a phone: the module {@code edge} in its two forms. */
final class EdgePageFiles {
    /** Directory in which the launcher has put the compiled page. */
    static final String PROPERTY = "zhulong.page";

    private static final List<String> PAGE = List.of("index.html", "zhulong.js", "zhulong.wasm");
    private static final String JAR = "zhulong-edge.jar";

    private EdgePageFiles() {}

    /** @throws IllegalStateException where there is no page to give away */
    static Path page() {
        String directory = System.getProperty(PROPERTY);
        if (directory == null || PAGE.stream().anyMatch(name -> !Files.exists(Path.of(directory, name)))) {
            throw new IllegalStateException("--edge needs the page's decoder, which the launcher compiles: start with ./zhulong");
        }
        return Path.of(directory);
    }

    /**
     * Refuses a file that the page could not run.
     *
     * @throws IllegalArgumentException with the reason in one line
     */
    static void requireUsable(Path gguf) throws IOException {
        if (Files.size(gguf) > Integer.MAX_VALUE) {
            throw new IllegalArgumentException(gguf + " has " + Files.size(gguf) + " bytes; a page or a phone reads 2 GB at most: quantize it (zhulong quantize --to q4_0)");
        }
        try (FileChannel file = FileChannel.open(gguf, StandardOpenOption.READ)) {
            new EdgeModel(file.map(FileChannel.MapMode.READ_ONLY, 0, file.size()));
        } catch (IllegalArgumentException e) {
            throw new IllegalArgumentException(gguf + ": " + e.getMessage(), e);
        }
    }

    /** Writes the folder, which must not exist. */
    static void write(Path directory, Path gguf) throws IOException {
        Path page = page();
        Files.createDirectories(directory);
        for (String name : PAGE) {
            Files.copy(page.resolve(name), directory.resolve(name));
        }
        Files.copy(gguf, directory.resolve("model.gguf"));
        new SlimJar().copy(RuntimeImage.classPath().stream().filter(entry -> RuntimeImage.name(entry).startsWith("zhulong-edge")).findFirst()
                .orElseThrow(() -> new IllegalStateException("the module edge is not on the class path")), directory.resolve(JAR));
        AtomicFile.writeString(directory.resolve("README.md"), """
                # A model in a page and on a phone

                ## In a browser

                Serve this folder with any web server and open it. A page opened from the disk may not read its files.

                    jwebserver            # of a JDK; or: python3 -m http.server

                `index.html` is an example: `zhulong.js` is a worker that is posted `{load: 'model.gguf'}` and `{write: {prompt, tokens, temperature, topK, topP, minP, seed}}` and posts
                `{loaded}`, `{id, text}` for each token, `{done}` or `{error}`. It needs WebAssembly with garbage collection: Chrome 119, Firefox 120, Safari 18.2 or newer.

                ## On Android (13 or newer)

                Put `%1$s` into `app/libs` and `model.gguf` into `app/src/main/assets`. In `app/build.gradle.kts`:

                    android {
                        androidResources { noCompress += "gguf" }
                    }
                    dependencies {
                        implementation(files("libs/%1$s"))
                    }

                In Java, not on the main thread:

                    AssetFileDescriptor asset = context.getAssets().openFd("model.gguf");
                    MappedByteBuffer file = new FileInputStream(asset.getFileDescriptor()).getChannel()
                            .map(FileChannel.MapMode.READ_ONLY, asset.getStartOffset(), asset.getLength());
                    EdgeModel model = new EdgeModel(file);
                    EdgeWriter writer = new EdgeWriter(model, new EdgeSampler(0.8, 0, 0.95, 0, seed), model.tokenizer().sequence("Once upon a time"));
                    for (byte[] piece; (piece = writer.next()) != null; ) { /* UTF-8; a character may go over several pieces */ }

                ## On any JVM since Java 8

                    java -jar %1$s model.gguf --prompt 'Once upon a time'
                """.formatted(JAR));
    }
}
