package dev.zhulong.cli;

import dev.zhulong.text.Tokenizer;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Text to ids. */
@Command(
        name = "encode",
        description = "Print the token ids of a text, separated by commas.",
        footer = {
            "",
            "Examples:",
            "  zhulong tokenizer encode --model my-model 'Once upon a time'",
            "  zhulong tokenizer encode --model my-model --bos < story.txt",
        })
final class TokenizerEncodeVerb extends Verb {
    @Option(names = "--model", required = true, paramLabel = "DIR|FILE", description = "Directory with a tokenizer.json, the file "
            + "itself, or a GGUF file.")
    Path model;

    @Option(names = "--bos", description = "Add the BOS token before the ids.")
    boolean bos;

    @Option(names = "--control-tokens", description = "Recognize control tokens such as <|endoftext|> in the text; by default they are "
            + "treated as plain text.")
    boolean controlTokens;

    @Parameters(arity = "0..1", paramLabel = "TEXT", description = "Text to encode (default: read standard input).")
    String text;

    @Override
    protected void run() throws IOException {
        try (Tokenizer tokenizer = TokenizerVerb.open(model)) {
            String given = text != null ? text : new String(System.in.readAllBytes(), StandardCharsets.UTF_8);
            int[] ids = controlTokens ? tokenizer.encodeWithControl(given) : tokenizer.encode(given);
            IntStream before = bos ? IntStream.of(tokenizer.bos().orElseThrow(() -> new IllegalArgumentException(
                    "the tokenizer names no BOS (bos_token in tokenizer_config.json, or the GGUF file's tokenizer.ggml.bos_token_id)"))) : IntStream.empty();
            out().println(IntStream.concat(before, Arrays.stream(ids)).mapToObj(Integer::toString).collect(Collectors.joining(",")));
        }
    }
}
