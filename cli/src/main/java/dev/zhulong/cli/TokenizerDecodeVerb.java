package dev.zhulong.cli;

import dev.zhulong.text.Tokenizer;
import java.nio.file.Path;
import java.util.List;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Ids to text. */
@Command(
        name = "decode",
        description = "Print the text of token ids, without control tokens.",
        footer = {"", "Example:", "  zhulong tokenizer decode --model my-model 9038,2501,263,931"})
final class TokenizerDecodeVerb extends Verb {
    @Option(names = "--model", required = true, paramLabel = "DIR|FILE", description = "Directory with a tokenizer.json, the file "
            + "itself, or a GGUF file.")
    Path model;

    @Parameters(arity = "1..*", split = ",", paramLabel = "ID", description = "Token ids, separated by commas or spaces.")
    List<Integer> ids;

    @Override
    protected void run() {
        try (Tokenizer tokenizer = TokenizerVerb.open(model)) {
            for (int id : ids) {
                if (id < 0 || id >= tokenizer.vocabSize()) {
                    throw new IllegalArgumentException("token id " + id + " is outside the vocabulary of " + tokenizer.vocabSize());
                }
            }
            out().println(tokenizer.decode(ids.stream().mapToInt(Integer::intValue).toArray()));
        }
    }
}
