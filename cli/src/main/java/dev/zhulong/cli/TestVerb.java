package dev.zhulong.cli;

import java.util.List;
import picocli.CommandLine.Command;
import picocli.CommandLine.Parameters;

/** Zhulong's own tests. They need Maven and the sources, so the launcher runs them; this class is their help. */
@Command(
        name = "test",
        description = "Run Zhulong's own tests.",
        footer = {
            "",
            "Examples:",
            "  ./zhulong test                          everything",
            "  ./zhulong test -pl text -am             one module and those below it",
            "  ./zhulong test -Dtest='*Resume*'        tests by name",
        })
final class TestVerb extends Verb {
    @Parameters(paramLabel = "MAVEN-ARGUMENT", arity = "0..*", description = "Arguments to pass on to Maven.")
    List<String> arguments;

    @Override
    protected void run() {
        throw new IllegalStateException("tests are started by the launcher at the root of a clone: ./zhulong test");
    }
}
