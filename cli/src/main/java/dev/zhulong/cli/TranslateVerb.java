package dev.zhulong.cli;

import dev.zhulong.formats.AtomicFile;
import dev.zhulong.formats.EncoderDecoderSpec;
import dev.zhulong.infer.open.EngineChoice.Engine;
import dev.zhulong.infer.open.OpenEncoderDecoder;
import dev.zhulong.infer.search.Languages;
import dev.zhulong.infer.search.Rewriter;
import dev.zhulong.infer.search.SearchOptions;
import dev.zhulong.infer.search.SearchOptions.Early;
import dev.zhulong.text.encode.EncoderTokenizer;
import dev.zhulong.model.LoraAdapter;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.OptionalInt;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Texts to texts by an encoder–decoder. */
@Command(
        name = "translate",
        description = {
            "Turn each text into another with an encoder–decoder (T5, BART, mBART, Marian, M2M-100, NLLB): a translation, a summary, an answer.",
            "The results are printed a line each, in the order of the texts. What is not given is taken from the model's generation_config.json; beams, lengths and n-grams"
                    + " mean what they mean in transformers.",
        },
        footer = {
            "",
            "Examples:",
            "  zhulong translate --model opus-mt-en-zh --text 'Good morning.'",
            "  zhulong translate --model opus-mt-en-zh --adapter my-adapter --text 'Good morning.'",
            "  zhulong translate --model flan-t5-small --text 'translate English to German: Good morning.' --beams 4",
            "  zhulong translate --model nllb-200-distilled-600M --text-file lines.txt --source-language eng_Latn --target-language zho_Hans --out lines.zh.txt",
        })
final class TranslateVerb extends Verb {
    @Option(names = "--model", required = true, paramLabel = "DIR|FILE", description = "Directory of an encoder–decoder in the Hugging Face layout, or a GGUF file of one (T5).")
    Path model;

    @Option(names = "--adapter", paramLabel = "DIR", description = "LoRA adapter to put into the model's weights, in PEFT's files.")
    Path adapter;

    @Option(names = "--text", paramLabel = "TEXT", description = "Text to translate (may be repeated).")
    List<String> texts = List.of();

    @Option(names = "--text-file", paramLabel = "FILE", description = "File with a text on each line.")
    Path file;

    @Option(names = "--out", paramLabel = "FILE", description = "File to write, a line for each text (default: standard output).")
    Path out;

    @Option(names = "--force", description = "Replace the file if it exists.")
    boolean force;

    @Option(names = "--source-language", paramLabel = "TOKEN", description = "Language of the texts as the tokenizer spells it, such as eng_Latn or __en__"
            + " (default: the one in tokenizer.json).")
    String sourceLanguage;

    @Option(names = "--target-language", paramLabel = "TOKEN", description = "Language to translate into as the tokenizer spells it; the first token written, with Marian"
            + " (>>fra<<) the first one read.")
    String targetLanguage;

    @Option(names = "--beams", paramLabel = "N", description = "Number of texts that are searched side by side; 1 takes the likeliest token each time.")
    Integer beams;

    @Option(names = "--length-penalty", paramLabel = "POWER", description = "Power of its length by which a text's log probability is divided: above 0 favors long texts.")
    Double lengthPenalty;

    @Option(names = "--early-stopping", paramLabel = "WHEN", description = "When to stop with as many finished texts as beams: true (at once), false (when none is likely to"
            + " become better) or never (when none can).")
    String early;

    @Option(names = "--no-repeat-ngrams", paramLabel = "N", description = "Length of the token sequences that may occur only once; 0 for any.")
    Integer noRepeat;

    @Option(names = "--max-new-tokens", paramLabel = "N", description = "Maximum number of tokens to write.")
    Integer maxNewTokens;

    @Mixin
    EngineOptions engine;

    @Override
    protected void run() throws IOException {
        engine.check(List.of(model), null);
        if (texts.isEmpty() == (file == null)) {
            throw wrongUsage("give either --text or --text-file");
        }
        if (out != null) {
            Outputs.file(out, force);
        }
        // Marian reads which language it is to write at the beginning of a text
        String before = targetLanguage != null && targetLanguage.startsWith(">>") ? targetLanguage + " " : "";
        List<String> all = (file == null ? texts.stream() : TextFile.read(file).lines()).map(text -> before + text).toList();
        try (EncoderTokenizer tokenizer = EncoderTokenizer.load(model);
                OpenEncoderDecoder opened = OpenEncoderDecoder.load(model, Optional.ofNullable(adapter), engine.choice(Engine.AUTO))) {
            if (adapter != null) {
                LoraAdapter.notice(adapter, opened.model().spec()).ifPresent(notice -> err().println("[" + notice + "]"));
            }
            var rewriter = new Rewriter(opened.model(), tokenizer, sourceLanguage == null ? OptionalInt.empty() : OptionalInt.of(language(tokenizer, sourceLanguage)),
                    options(opened, tokenizer));
            List<String> written = rewriter.write(all);
            if (out != null) {
                AtomicFile.writeString(out, String.join("", written.stream().map(text -> line(text) + "\n").toList()));
            } else {
                written.forEach(text -> out().println(line(text)));
            }
        }
    }

    /** A text may have line ends, and each has a line. */
    private static String line(String text) {
        return text.replaceAll("\\s*\\R\\s*", " ");
    }

    private SearchOptions options(OpenEncoderDecoder opened, EncoderTokenizer tokenizer) {
        EncoderDecoderSpec spec = opened.model().spec();
        SearchOptions options = opened.searchOptions();
        options = beams == null ? options : options.withBeams(beams);
        options = options.with(lengthPenalty == null ? options.lengthPenalty() : lengthPenalty, early == null ? options.early() : early(), noRepeat == null
                ? options.noRepeat() : noRepeat);
        if (maxNewTokens != null) {
            if (maxNewTokens < 1 || maxNewTokens >= spec.longest()) {
                throw wrongUsage("--max-new-tokens must be from 1 to " + (spec.longest() - 1) + " with this model, found " + maxNewTokens);
            }
            options = options.withNewTokens(maxNewTokens);
        }
        if (targetLanguage != null && targetLanguage.startsWith(">>") && tokenizer.tokenizer().id(targetLanguage).isEmpty()) {
            throw new IllegalArgumentException("the tokenizer of " + model + " has no token " + targetLanguage + ": name a language as it spells it");
        }
        return targetLanguage == null || targetLanguage.startsWith(">>") ? options : options.withForcedBos(language(tokenizer, targetLanguage));
    }

    private Early early() {
        return switch (early.toLowerCase(Locale.ROOT)) {
            case "true" -> Early.AT_ONCE;
            case "false" -> Early.HEURISTIC;
            case "never" -> Early.NEVER;
            default -> throw wrongUsage("--early-stopping must be true, false or never, found " + early);
        };
    }

    private static int language(EncoderTokenizer tokenizer, String token) {
        return Languages.id(tokenizer.tokenizer(), token);
    }
}
