package dev.zhulong.cli;

import dev.zhulong.serve.ApiKeys;
import java.nio.file.Path;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** A key for someone who may call a server. */
@Command(
        name = "key",
        description = {
            "Create an API key for a server that runs with --keys, and print it. Only a hash is stored, so copy the key now: it cannot be "
                    + "shown again.",
            "A server reads the file when it starts. To revoke a key, delete its entry from the file.",
        },
        footer = {
            "",
            "Examples:",
            "  zhulong key --keys keys.json --name anna",
            "  zhulong key --keys keys.json --name batch --requests 60 --tokens 100000",
        })
final class KeyVerb extends Verb {
    @Option(names = "--keys", required = true, paramLabel = "FILE", description = "File of keys; created if it does not exist.")
    Path keys;

    @Option(names = "--name", required = true, paramLabel = "NAME", description = "Name of the key's owner.")
    String name;

    @Option(names = "--requests", paramLabel = "N", description = "Maximum number of requests per minute (default: no limit).")
    Integer requests;

    @Option(names = "--tokens", paramLabel = "N", description = "Maximum number of tokens per minute, in prompts and answers (default: "
            + "no limit).")
    Integer tokens;

    @Override
    protected void run() {
        if (name.isBlank() || requests != null && requests < 1 || tokens != null && tokens < 1) {
            throw wrongUsage("--name must not be empty, --requests and --tokens must be at least 1");
        }
        out().println(ApiKeys.add(keys, name, requests, tokens));
    }
}
