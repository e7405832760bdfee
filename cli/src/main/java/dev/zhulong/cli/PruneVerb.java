package dev.zhulong.cli;

import dev.zhulong.compress.MeasuredModel;
import dev.zhulong.compress.Measurement;
import dev.zhulong.compress.ZeroedWeights;
import dev.zhulong.compress.ZeroedWeights.Pattern;
import dev.zhulong.compress.ZeroedWeights.Rule;
import dev.zhulong.compress.prune.DecoderPrune;
import dev.zhulong.compress.prune.EncoderLayers;
import dev.zhulong.compress.prune.LikelyTokens;
import dev.zhulong.compress.prune.PartImportance;
import dev.zhulong.compress.prune.Staying;
import dev.zhulong.compress.prune.Staying.Wanted;
import dev.zhulong.compress.prune.VocabularyTrim;
import dev.zhulong.compress.prune.VocabularyTrim.Price;
import dev.zhulong.compress.prune.VocabularyTrim.Written;
import dev.zhulong.evaluate.TokenDocument;
import dev.zhulong.formats.ModelDirectory;
import dev.zhulong.formats.Sizes;
import dev.zhulong.formats.progress.Progress;
import dev.zhulong.formats.progress.ProgressLine;
import dev.zhulong.infer.open.EngineChoice;
import dev.zhulong.infer.open.EngineChoice.Engine;
import dev.zhulong.infer.open.LoadedModel;
import dev.zhulong.infer.open.ModelFiles;
import dev.zhulong.kernels.ThreadPool;
import dev.zhulong.model.Decoder;
import dev.zhulong.model.DecoderFiles;
import dev.zhulong.tensor.Libtorch;
import dev.zhulong.text.HuggingFaceTokenizer;
import dev.zhulong.text.Tokenizer;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** Fewer parts. */
@Command(
        name = "prune",
        description = {
            "Make a model smaller by taking parts away. The result is a directory in the Hugging Face layout, which any tool reads and zhulong quantize makes smaller still.",
            "--layers, --ffn, --kv-groups and --experts, together or alone, take out of a decoder the layers, the channels of the MLPs, the groups of heads and the experts that do least to the "
                    + "texts. What goes is missed: the last line reports the perplexity before and after, and a training with the model as its teacher brings back a part of it. "
                    + "All layers keep one shape, and widths stay multiples of 32 (for a share of a multiple of 256, of 256, which k-quants need).",
            "Of an encoder --layers keeps the layers that are named, without texts; its vectors come back where it learns those of the whole one (zhulong finetune --task embed --teacher).",
            "--vocabulary keeps the tokens that the texts become and, of a decoder, those that it expects where it reads them; with those they are joined from, all special tokens, and bytes or "
                    + "single characters. Nothing else changes: on text "
                    + "whose tokens are all kept the model computes what it did, bit for bit. Other text is spelled in smaller pieces. Give a megabyte or more of the text "
                    + "that the model is for.",
            "--zeros puts zeros into the matrices of a decoder's layers, for comparing how they are chosen. The result is as large and as slow as the model: no file and no kernel here makes use of zeros.",
            "--vocabulary goes alone: the last lines report how much of text that had no part in the choice is kept, and how many tokens it becomes.",
        },
        footer = {
            "", "Examples:",
            "  zhulong prune --model my-model --vocabulary --text corpus.txt --out my-model-trimmed",
            "  zhulong prune --model my-model --vocabulary --text a.txt b.txt --held-out c.txt --out my-model-trimmed",
            "  zhulong prune --model my-model --layers 12 --ffn 50%% --text corpus.txt --out half",
            "  zhulong prune --model my-model --layers 0,1,4,5 --out student",
            "  zhulong prune --model all-MiniLM-L6-v2 --layers 0-0 --out student",
            "  zhulong prune --model my-model --zeros 2:4 --by wanda --text corpus.txt --out zeros",
            "  zhulong prune --model my-mixture --experts 4 --text corpus.txt --out fewer-experts",
        })
final class PruneVerb extends Verb {
    /** Without held-out files, one line in so many is held out to estimate the price. */
    private static final int HELD_OUT = 20;
    /** Tokens of a text that parts are measured on, and how many such texts are enough. */
    private static final int LENGTH = 256;
    private static final int SEQUENCES = 64;

    @Option(names = "--model", required = true, paramLabel = "DIR", description = "Model directory in the Hugging Face layout.")
    Path model;

    @Option(names = "--vocabulary", description = "Keep only the tokens that the texts need.")
    boolean vocabulary;

    @Option(names = "--layers", paramLabel = "N|LIST", description = "Number of layers to keep, those that change the texts' states most; or the numbers, " + LayerNumbers.FORMS + ".")
    String layers;

    @Option(names = "--ffn", paramLabel = "SHARE|N", description = "Channels to keep in each MLP: a number, or a share with a percent sign (see the examples).")
    String ffn;

    @Option(names = "--kv-groups", paramLabel = "N", description = "Number of key and value heads to keep in each layer, each with the query heads that share it.")
    Integer groups;

    @Option(names = "--experts", paramLabel = "N", description = "Number of experts to keep in each layer.")
    Integer experts;

    @Option(names = "--zeros", paramLabel = "SHARE|N:M", description = "Zeros to put into each matrix of the layers: a share with a percent sign, or N of each M neighbours in a row. "
            + "Nothing becomes smaller or faster by them.")
    String zeros;

    @Option(names = "--by", paramLabel = "RULE", description = "With --zeros, what goes: magnitude (the smallest, without texts), wanda (the smallest, each times the size of its input) or sparsegpt "
            + "(what costs the outputs least while the others make up for it) (default: sparsegpt).")
    Rule by;

    @Option(names = "--text", arity = "1..*", paramLabel = "FILE", description = "UTF-8 text files like those that the model will see.")
    List<Path> text;

    @Option(names = "--held-out", arity = "1..*", paramLabel = "FILE", description = "UTF-8 text files to measure the price on (default for --vocabulary: one line in "
            + HELD_OUT + " of --text, against the tokens of the other lines; the model that is written keeps the tokens of all lines. Default else: the last tenth of --text).")
    List<Path> heldOut;

    @Option(names = "--tail", paramLabel = "SHARE", description = "With --vocabulary, share of a decoder's probability that may lie on tokens that go; 1 keeps those of the texts alone "
            + "(default: ${DEFAULT-VALUE}).")
    double tail = LikelyTokens.TAIL;

    @Option(names = "--out", required = true, paramLabel = "DIR", description = "Directory to write the smaller model to.")
    Path out;

    @Option(names = "--force", description = "Replace --out if it holds a pruned model.")
    boolean force;

    @Override
    protected void run() {
        Wanted wanted = wanted();
        boolean parts = wanted.needsTexts() || !wanted.these().isEmpty();
        if (!vocabulary && !parts && zeros == null) {
            throw wrongUsage("say what to take away: --vocabulary, --layers, --ffn, --kv-groups, --experts or --zeros");
        }
        if (zeros != null && (vocabulary || parts)) {
            throw wrongUsage("--zeros goes alone: prune the result once more for other parts");
        }
        if (by != null && zeros == null) {
            throw wrongUsage("--by says how zeros are chosen: give --zeros too, 50% for example");
        }
        if (vocabulary && parts) {
            throw wrongUsage("--vocabulary goes alone: prune the result once more for other parts");
        }
        if (text == null && (vocabulary || wanted.needsTexts() || zeros != null && by != Rule.MAGNITUDE)) {
            throw wrongUsage("what stays is chosen by texts: name them with --text");
        }
        if (!(tail >= 0 && tail <= 1)) {
            throw wrongUsage("--tail is a share from 0 to 1, found " + tail);
        }
        if (zeros != null && EncoderModel.is(model)) {
            throw wrongUsage(model + " is an encoder, of which --layers and --vocabulary alone take something away");
        }
        boolean encoder = parts && EncoderModel.is(model);
        if (encoder && (wanted.needsTexts() || text != null || heldOut != null)) {
            throw wrongUsage(model + " is an encoder, of which layers are kept by their numbers and without texts: --layers 0-0 keeps the first alone");
        }
        if (!vocabulary && tail != LikelyTokens.TAIL) {
            throw wrongUsage("--tail is about the tokens of --vocabulary: leave it out");
        }
        requireOtherText();
        Outputs.directory(out, force);
        if (encoder) {
            layersOfEncoder(wanted.these());
            return;
        }
        List<String> texts = text == null ? List.of() : text.stream().map(TextFile::read).toList();
        List<String> held = heldOut == null ? List.of() : heldOut.stream().map(TextFile::read).toList();
        if (vocabulary) {
            trim(texts, new ArrayList<>(held));
        } else {
            parts(wanted, String.join("\n", texts), String.join("\n", held));
        }
    }

    /** What was used to choose says nothing of other text. */
    private void requireOtherText() {
        for (Path held : heldOut == null || text == null ? List.<Path>of() : heldOut) {
            if (text.stream().anyMatch(file -> isSame(file, held))) {
                throw wrongUsage("--held-out names " + held + ", which is in --text too: the price is measured on text that had no part in the choice; name another file, or leave out --held-out");
            }
        }
    }

    private static boolean isSame(Path one, Path other) {
        try {
            return Files.exists(one) && Files.exists(other) && Files.mismatch(one, other) < 0;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private Wanted wanted() {
        try {
            Optional<LayerNumbers> kept = Optional.ofNullable(layers).map(LayerNumbers::parse);
            Optional<Double> width = Optional.ofNullable(ffn).map(share -> share.endsWith("%") ? Percent.of(share) : Double.parseDouble(share));
            // one is one channel, and not all of them
            if (width.isPresent() && (!(width.get() > 0) || ffn.endsWith("%") && width.get() >= 1)) {
                throw wrongUsage("--ffn: expected a share below 100% such as 50%, or a number of channels, found " + ffn);
            }
            return new Wanted(kept.flatMap(LayerNumbers::count), kept.map(LayerNumbers::these).orElse(List.of()), width, Optional.ofNullable(groups), Optional.ofNullable(experts));
        } catch (NumberFormatException e) {
            throw wrongUsage("--ffn: expected a share such as 50% or a number of channels, found " + ffn);
        } catch (IllegalArgumentException e) {
            throw wrongUsage(e.getMessage());
        }
    }

    private void layersOfEncoder(List<Integer> these) {
        DecoderPrune.Written written = EncoderLayers.write(model, these, out);
        out().println(String.format(Locale.ROOT, "%s: layers %s stay, %s -> %s (%.1f%% smaller); to have it learn from the whole one: zhulong finetune --task embed --teacher %s --model %s",
                out, these.stream().sorted().distinct().map(String::valueOf).collect(Collectors.joining(" ")), Sizes.of(written.bytesBefore()), Sizes.of(written.bytesAfter()),
                100 - 100.0 * written.bytesAfter() / written.bytesBefore(), model, out));
    }

    /** Layers, channels, heads and experts. */
    private void parts(Wanted wanted, String texts, String held) {
        Pattern pattern = zeros == null ? null : pattern();
        EngineChoice choice = EngineChoice.DEFAULT.withEngine(Engine.CPU);
        try (var status = ProgressLine.on(err())) {
            ModelDirectory.readSpec(model);
            List<int[]> sequences = new ArrayList<>();
            List<TokenDocument> documents = List.of();
            if (!texts.isEmpty() || !held.isEmpty()) {
                try (Tokenizer tokenizer = HuggingFaceTokenizer.load(model)) {
                    sequences.addAll(sequences(tokenizer, tokenizer.encode(texts)));
                    int out = held.isEmpty() ? Math.max(1, sequences.size() / 10) : 0;
                    documents = held.isEmpty() ? sequences.subList(Math.max(0, sequences.size() - out), sequences.size()).stream().map(ids -> TokenDocument.of(ids, tokenizer)).toList()
                            : List.of(TokenDocument.of(held, tokenizer));
                    sequences = sequences.subList(0, Math.min(SEQUENCES, Math.max(1, sequences.size() - out)));
                }
            }
            Staying staying;
            DecoderPrune.Written written;
            try (Decoder decoder = DecoderFiles.load(model)) {
                Map<String, Object> recipe = pattern == null ? Map.of() : zeros(decoder, pattern, sequences, status);
                PartImportance importance = wanted.needsTexts() ? PartImportance.of(decoder, sequences, status) : null;
                staying = Staying.choose(decoder.spec(), wanted, importance);
                if (importance != null) {
                    double[] influence = importance.layers();
                    status.message("influence of layers 0 to " + (influence.length - 1) + ": " + Arrays.stream(influence).mapToObj(each -> String.format(Locale.ROOT, "%.3f", each))
                            .collect(Collectors.joining(" ")));
                }
                status.at("writing " + out);
                written = DecoderPrune.write(model, decoder, staying, recipe, out);
            }
            Optional<Measurement> before = measured(model, choice, documents, status);
            Optional<Measurement> after = measured(out, choice, documents, status);
            status.close();
            String kept = pattern != null ? String.format(Locale.ROOT, "%s: %s zeros in the matrices of the layers, %s as before, as nothing makes use of zeros", out, zeros, Sizes.of(written.bytesAfter()))
                    : String.format(Locale.ROOT, "%s: layers %s stay%s, %s -> %s (%.1f%% smaller)", out,
                    staying.layers().stream().map(String::valueOf).collect(Collectors.joining(" ")), width(staying), Sizes.of(written.bytesBefore()), Sizes.of(written.bytesAfter()),
                    100 - 100.0 * written.bytesAfter() / written.bytesBefore());
            out().println(kept + (before.isEmpty() || after.isEmpty() ? "; perplexity not measured: give texts with --text or --held-out" : String.format(Locale.ROOT,
                    "; perplexity of %,d held-out tokens %.4g -> %.4g; %.0f -> %.0f tokens/s", before.get().tokens(), before.get().perplexity(), after.get().perplexity(),
                    before.get().tokensPerSecond(), after.get().tokensPerSecond())));
        }
    }

    private Pattern pattern() {
        try {
            if (zeros.endsWith("%")) {
                return new Pattern(Percent.of(zeros), 0, 0);
            }
            String[] groups = zeros.split(":", -1);
            int few = Integer.parseInt(groups[0]);
            int of = Integer.parseInt(groups[1]);
            return new Pattern((double) few / of, few, of);
        } catch (IllegalArgumentException | ArrayIndexOutOfBoundsException e) {
            throw wrongUsage("--zeros: expected a share between 0% and 100% such as 50%, or some of a few neighbours such as 2:4, found " + zeros);
        }
    }

    private Map<String, Object> zeros(Decoder decoder, Pattern pattern, List<int[]> sequences, Progress status) {
        Rule rule = by == null ? Rule.SPARSEGPT : by;
        try (var pool = new ThreadPool(Libtorch.threads())) {
            ZeroedWeights.in(decoder, rule, pattern, sequences, pool, status);
        }
        return Map.of("zeros", zeros, "by", rule.name().toLowerCase(Locale.ROOT));
    }

    private static String width(Staying staying) {
        return (staying.channels() == null ? "" : ", " + staying.channels().getFirst().length + " channels of each MLP")
                + (staying.groups() == null ? "" : ", " + staying.groups().getFirst().length + " key heads")
                + (staying.experts() == null ? "" : ", " + staying.experts().stream().mapToInt(each -> each.length).max().orElseThrow() + " experts");
    }

    private List<int[]> sequences(Tokenizer tokenizer, int[] ids) {
        int most = Math.min(LENGTH, ModelDirectory.readSpec(model).contextLength());
        boolean bos = tokenizer.addsBos();
        int step = most - (bos ? 1 : 0);
        List<int[]> sequences = new ArrayList<>();
        for (int at = 0; at < ids.length; at += step) {
            IntStream part = Arrays.stream(ids, at, Math.min(ids.length, at + step));
            sequences.add((bos ? IntStream.concat(IntStream.of(tokenizer.bos().orElseThrow()), part) : part).toArray());
        }
        return sequences;
    }

    private static Optional<Measurement> measured(Path path, EngineChoice choice, List<TokenDocument> documents, ProgressLine status) {
        if (documents.isEmpty()) {
            return Optional.empty();
        }
        status.at("measuring " + path);
        try (ModelFiles files = ModelFiles.open(path, choice); LoadedModel loaded = files.load(MeasuredModel.TOKENS)) {
            return Optional.of(new MeasuredModel(loaded).measure(documents));
        }
    }

    /** Tokens. */
    private void trim(List<String> texts, List<String> held) {
        try (var status = ProgressLine.on(err())) {
            var trim = chosen(texts, status);
            var judged = trim;
            if (held.isEmpty()) {
                List<String> rest = new ArrayList<>();
                texts.forEach(each -> split(each, rest, held));
                judged = chosen(rest, status);
            }
            Price price = judged.price(held);
            status.at("writing " + out);
            Written written = trim.write(out);
            status.close();
            report(trim, price, written);
        }
    }

    private VocabularyTrim chosen(List<String> texts, Progress status) {
        if (tail == 1 || EncoderModel.is(model)) {
            return VocabularyTrim.of(model, texts, status);
        }
        try (ModelFiles files = ModelFiles.open(model, EngineChoice.DEFAULT); LoadedModel loaded = files.load(LikelyTokens.WINDOW)) {
            return VocabularyTrim.of(model, texts, LikelyTokens.of(loaded.model(), loaded.tokenizer(), texts, tail, status), status);
        }
    }

    private static void split(String text, List<String> rest, List<String> held) {
        var most = new StringBuilder();
        var few = new StringBuilder();
        int[] line = {0};
        text.lines().filter(each -> !each.isBlank()).forEach(each -> (line[0]++ % HELD_OUT == HELD_OUT - 1 ? few : most).append(each).append('\n'));
        rest.add(most.toString());
        held.add(few.toString());
    }

    private void report(VocabularyTrim trim, Price price, Written written) {
        written.leftOut().forEach(name -> err().println("[" + name + " is left out: it holds the whole vocabulary once more, and tokenizer.json is what is read]"));
        if (price.tokensBefore() > 0) {
            out().println(String.format(Locale.ROOT, "held-out text, %s: %.3f%% of %,d tokens kept, %,d of %,d different ones missing; %.4f -> %.4f tokens a byte",
                    Sizes.of(price.bytes()), 100 * price.kept(), price.tokensBefore(), price.piecesMissing(), price.piecesBefore(),
                    (double) price.tokensBefore() / price.bytes(), (double) price.tokensAfter() / price.bytes()));
        }
        out().println(String.format(Locale.ROOT, "%s: %,d of %,d tokens, %s -> %s (%.1f%% smaller)", out, trim.after(), trim.before(), Sizes.of(written.bytesBefore()),
                Sizes.of(written.bytesAfter()), 100 - 100.0 * written.bytesAfter() / written.bytesBefore()));
    }
}
