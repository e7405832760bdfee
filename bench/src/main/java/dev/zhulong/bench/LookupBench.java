package dev.zhulong.bench;

import dev.zhulong.formats.FileTree;
import dev.zhulong.infer.ForwardingModel;
import dev.zhulong.infer.GenerateOptions;
import dev.zhulong.infer.Generation;
import dev.zhulong.infer.Generator;
import dev.zhulong.infer.LanguageModel;
import dev.zhulong.infer.LookupDrafter;
import dev.zhulong.infer.SamplerOptions;
import dev.zhulong.text.BpeTrainer;
import dev.zhulong.text.HuggingFaceTokenizer;
import dev.zhulong.text.TokenizerJson;
import dev.zhulong.text.Tokenizer;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.zip.ZipFile;

/**
 * Speculative decoding by prompt lookup against the same engine without: the model is made to answer a source file of the JDK with an edited copy of
 * it. Which tokens it writes is forced, what they cost is real.
 */
public final class LookupBench {
    private static final String FILE = "java.base/java/util/ArrayList.java";
    /** Files whose words the tokenizer is trained on. */
    private static final String TRAINED_ON = "java.base/java/util/[A-Z]\\w*\\.java";
    private static final int VOCABULARY = 16_384;

    private LookupBench() {}

    /**
     * Ids of the file, and of its edited copy.
     *
     * @param original the prompt
     * @param edited   the answer
     */
    private record Texts(int[] original, int[] edited) {}

    /** @return the line to print: tokens a second without and with (medians of the repetitions), their ratio, and how many guesses were right */
    public static String run(LanguageModel model, int promptTokens, int answerTokens, int repetitions) throws IOException {
        Path directory = Files.createTempDirectory("zhulong-lookup");
        try (Tokenizer tokenizer = tokenizer(directory, Math.min(VOCABULARY, model.spec().vocabSize()))) {
            Texts texts = texts(tokenizer);
            int[] prompt = Arrays.copyOf(texts.original, Math.min(promptTokens, texts.original.length));
            int[] answer = Arrays.copyOf(texts.edited, Math.min(answerTokens, texts.edited.length));
            int[] all = Arrays.copyOf(prompt, prompt.length + answer.length);
            System.arraycopy(answer, 0, all, prompt.length, answer.length);
            var options = new GenerateOptions(answer.length, SamplerOptions.GREEDY, List.of(), List.of(), true);
            Generator plain = new Generator(new Forced(model, all), tokenizer);
            Generator guessing = plain.withDrafts(LookupDrafter::new);
            double[] without = new double[repetitions];
            double[] with = new double[repetitions];
            Generation last = null;
            for (int r = -1; r < repetitions; r++) {
                Generation a = plain.generate(prompt, options, text -> { });
                last = guessing.generate(prompt, options, text -> { });
                if (!Arrays.equals(a.ids(), answer) || !Arrays.equals(last.ids(), answer)) {
                    throw new IllegalStateException("the model did not produce the forced text");
                }
                if (r >= 0) {
                    without[r] = a.tokensPerSecond();
                    with[r] = last.tokensPerSecond();
                }
            }
            double slow = InferBench.median(without);
            double fast = InferBench.median(with);
            return String.format(Locale.ROOT, "%-16s %8.1f tokens/s  %.2f x the %.1f without; %d of %d tokens guessed, %d of %d guesses right", "lookup", fast,
                    fast / slow, slow, last.accepted(), answer.length, last.accepted(), last.drafted());
        } finally {
            FileTree.delete(directory);
        }
    }

    private static Path sources() {
        Path zip = Path.of(System.getProperty("java.home"), "lib", "src.zip");
        if (!Files.exists(zip)) {
            throw new IllegalArgumentException("--lookup edits a source file of the JDK, and this one has no lib/src.zip: use a JDK that has it");
        }
        return zip;
    }

    private static Tokenizer tokenizer(Path directory, int vocabulary) throws IOException {
        var trainer = new BpeTrainer(vocabulary, List.of("<|endoftext|>"));
        try (ZipFile zip = new ZipFile(sources().toFile())) {
            for (var entry : zip.stream().filter(entry -> entry.getName().matches(TRAINED_ON)).toList()) {
                trainer.add(new String(zip.getInputStream(entry).readAllBytes(), StandardCharsets.UTF_8));
            }
        }
        TokenizerJson.write(directory, trainer.train(), new TokenizerJson.Settings("<|endoftext|>", "<|endoftext|>", null, false, Integer.MAX_VALUE));
        return HuggingFaceTokenizer.load(directory);
    }

    /** A field and a parameter renamed, a comment changed, a method left out: what an editor is asked for. */
    private static Texts texts(Tokenizer tokenizer) throws IOException {
        String source;
        try (ZipFile zip = new ZipFile(sources().toFile())) {
            source = new String(zip.getInputStream(zip.getEntry(FILE)).readAllBytes(), StandardCharsets.UTF_8);
        }
        source = source.substring(source.indexOf("public class ArrayList"));
        int method = source.indexOf("    /**\n     * Trims the capacity");
        int after = source.indexOf("    /**\n     * Increases the capacity");
        String edited = (method > 0 && after > method ? source.substring(0, method) + source.substring(after) : source)
                .replace("elementData", "elements").replace("minCapacity", "least").replace("Default initial capacity", "The capacity of a new list");
        return new Texts(tokenizer.encode(source), tokenizer.encode(edited));
    }

    /** Writes a given text whatever it computes; computes all the same. */
    private static final class Forced extends ForwardingModel {
        private final int[] text;

        Forced(LanguageModel model, int[] text) {
            super(model);
            this.text = text;
        }

        @Override
        public List<float[]> forward(List<Span> spans) {
            var before = new ArrayList<Integer>();
            spans.forEach(span -> before.add(span.cache().length()));
            List<float[]> logits = super.forward(spans);
            int vocab = spec().vocabSize();
            for (int s = 0; s < spans.size(); s++) {
                int n = spans.get(s).ids().length;
                boolean all = spans.get(s).logits() == Logits.ALL;
                for (int i = all ? 0 : n - 1; i < n; i++) {
                    int next = before.get(s) + i + 1;
                    if (next < text.length) {
                        logits.get(s)[(all ? i * vocab : 0) + text[next]] = Float.MAX_VALUE;
                    }
                }
            }
            return logits;
        }
    }
}
