package dev.zhulong.serve;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

/** Scripts for Node over packages of npm, which {@code .ci/run} installs. */
final class NodeScript {
    private NodeScript() {}

    /** What {@code script} prints, given the server's address; skipped by name where Node or the package is missing. */
    static String told(String npmPackage, String script, TestServer server) throws IOException, InterruptedException {
        String node = Program.require("node");
        Path modules = Path.of("..", "target", "npm").toAbsolutePath().normalize();
        assumeTrue(Files.isDirectory(modules.resolve("node_modules").resolve(npmPackage)), "needs the npm package " + npmPackage + ", which .ci/run installs");
        Path file = Files.createTempFile(modules, "client", ".mjs");
        try {
            Files.writeString(file, script);
            Process process = new ProcessBuilder(node, file.toString(), server.url()).redirectErrorStream(true).start();
            String told = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
            assertThat(process.waitFor()).as(told).isZero();
            return told;
        } finally {
            Files.delete(file);
        }
    }
}
