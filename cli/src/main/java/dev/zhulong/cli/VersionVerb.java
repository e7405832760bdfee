package dev.zhulong.cli;

import java.io.IOException;
import java.util.Properties;
import picocli.CommandLine.Command;

/** Versions of Zhulong, of the JVM and of the system it runs on. */
@Command(
        name = "version",
        description = "Show the versions of Zhulong and of the JVM it runs on.",
        footer = {"", "Example:", "  zhulong version"})
final class VersionVerb extends Verb {
    @Override
    protected void run() throws IOException {
        out().printf("zhulong %s%n", version());
        out().printf("java %s (%s)%n", Runtime.version(), System.getProperty("java.vendor"));
        out().printf("system %s %s%n", System.getProperty("os.name"), System.getProperty("os.arch"));
    }

    /** The version in the pom this was built from. */
    static String version() throws IOException {
        var properties = new Properties();
        try (var in = VersionVerb.class.getResourceAsStream("version.properties")) {
            properties.load(in);
        }
        return properties.getProperty("version");
    }
}
