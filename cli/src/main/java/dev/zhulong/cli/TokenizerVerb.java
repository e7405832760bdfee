package dev.zhulong.cli;

import picocli.CommandLine.Command;

/** The tokenizer's verbs. */
@Command(
        name = "tokenizer",
        description = "Train a tokenizer, or try one.",
        subcommands = {TokenizerTrainVerb.class, TokenizerEncodeVerb.class, TokenizerDecodeVerb.class},
        footer = {
            "",
            "Examples:",
            "  zhulong tokenizer train --data corpus --vocab-size 8192 --out my-tokenizer",
            "  zhulong tokenizer encode --model my-tokenizer 'Once upon a time'",
        })
final class TokenizerVerb extends Verb {
    @Override
    protected void run() {
        throw wrongUsage("which? train, encode or decode");
    }
}
