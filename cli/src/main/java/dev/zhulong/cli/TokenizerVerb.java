package dev.zhulong.cli;

import dev.zhulong.formats.gguf.GgufFile;
import dev.zhulong.infer.open.ModelFiles;
import dev.zhulong.text.GgufTokenizer;
import dev.zhulong.text.HuggingFaceTokenizer;
import dev.zhulong.text.Tokenizer;
import java.nio.file.Path;
import picocli.CommandLine.Command;

/** The tokenizer's verbs. */
@Command(
        name = "tokenizer",
        description = "Train a tokenizer, or convert text to tokens and back.",
        subcommands = {TokenizerTrainVerb.class, TokenizerEncodeVerb.class, TokenizerDecodeVerb.class},
        footer = {
            "",
            "Examples:",
            "  zhulong tokenizer train --data corpus --vocab-size 8192 --out my-tokenizer",
            "  zhulong tokenizer encode --model my-tokenizer 'Once upon a time'",
        })
final class TokenizerVerb extends Verb {
    /** The tokenizer of a directory, of a {@code tokenizer.json} or of a GGUF file. */
    static Tokenizer open(Path model) {
        if (!model.toString().endsWith(".json") && ModelFiles.isGguf(model)) {
            try (GgufFile file = GgufFile.open(model)) {
                return GgufTokenizer.load(file.metadata());
            }
        }
        return HuggingFaceTokenizer.load(model);
    }

    @Override
    protected void run() {
        throw wrongUsage("choose what to do: zhulong tokenizer train, encode or decode");
    }
}
