package dev.zhulong.cli;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.ByteArrayInputStream;
import java.io.InputStream;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

/** One command line, run inside this process, and what came of it. */
record Cli(int code, String out, String err) {
    static Cli run(Object... args) {
        var out = new StringWriter();
        var err = new StringWriter();
        String[] words = new String[args.length];
        for (int i = 0; i < args.length; i++) {
            words[i] = args[i].toString();
        }
        int code = Main.execute(new PrintWriter(out), new PrintWriter(err), words);
        return new Cli(code, out.toString(), err.toString());
    }

    static Cli runWithInput(String input, Object... args) {
        InputStream former = System.in;
        System.setIn(new ByteArrayInputStream(input.getBytes(StandardCharsets.UTF_8)));
        try {
            return run(args);
        } finally {
            System.setIn(former);
        }
    }

    /** The result, which must be a success. */
    Cli done() {
        if (code != 0) {
            throw new AssertionError("exit code " + code + ": " + err);
        }
        return this;
    }

    /** A file among the models and texts that lie beside the repository; without them the test is skipped. */
    static Path shared(String path) {
        Path file = Path.of(System.getProperty("zhulong.root")).resolve("../shared").resolve(path).normalize();
        assumeTrue(Files.exists(file), "../shared/" + path + " is absent: not compared");
        return file;
    }
}
