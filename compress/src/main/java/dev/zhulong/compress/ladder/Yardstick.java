package dev.zhulong.compress.ladder;

import dev.zhulong.compress.MeasuredModel;
import dev.zhulong.evaluate.Divergence;
import dev.zhulong.evaluate.Perplexity;
import dev.zhulong.evaluate.PerplexityOptions;
import dev.zhulong.evaluate.TokenDocument;
import dev.zhulong.evaluate.Writing;
import dev.zhulong.evaluate.text.Bootstrap;
import dev.zhulong.evaluate.text.Estimate;
import dev.zhulong.formats.progress.Progress;
import dev.zhulong.infer.open.EngineChoice;
import dev.zhulong.infer.open.EngineChoice.Engine;
import dev.zhulong.infer.open.LoadedModel;
import dev.zhulong.infer.open.ModelFiles;
import dev.zhulong.text.Tokenizer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;

/** The model as it was given, loaded, beside which smaller ones are judged: same engine, same threads, same texts. */
final class Yardstick implements AutoCloseable {
    private static final int WRITTEN = 16;
    private static final int WRITTEN_TOKENS = 96;
    private static final int BEGINNING = 16;

    private final EngineChoice choice;
    private final Progress progress;
    private final ModelFiles files;
    private final LoadedModel model;
    private final List<String> texts;
    private final List<TokenDocument> documents;
    private final double[] nll;
    private final double[] tokens;
    private final Writing writing;
    private double speed;

    /** What a smaller model was found to be. */
    record Found(Fidelity fidelity, double tokensPerSecond) {}

    /** @param texts of the floor */
    Yardstick(Path path, List<String> texts, int threads, Progress progress) {
        this.texts = texts;
        this.progress = progress;
        choice = EngineChoice.DEFAULT.withEngine(Engine.CPU).withThreads(threads);
        files = ModelFiles.open(path, choice);
        try {
            model = files.load(MeasuredModel.TOKENS);
        } catch (RuntimeException e) {
            files.close();
            throw e;
        }
        try {
            documents = documents(model.tokenizer());
            progress.at("judging the model as it is");
            nll = new double[texts.size()];
            tokens = new double[texts.size()];
            score(model, documents, nll, tokens);
            writing = writing(model, documents);
            speed = new MeasuredModel(model).tokensPerSecond();
        } catch (RuntimeException e) {
            close();
            throw e;
        }
    }

    double tokensPerSecond() {
        return speed;
    }

    /**
     * Judges a smaller model.
     *
     * @param kept ids of this model by the numbers they have in the smaller one; null where it has the same ids
     */
    Found measure(Path smaller, int[] kept) {
        try (ModelFiles others = ModelFiles.open(smaller, choice); LoadedModel other = others.load(MeasuredModel.TOKENS)) {
            List<TokenDocument> own = kept == null ? documents : documents(other.tokenizer());
            double[] ownNll = new double[texts.size()];
            score(other, own, ownNll, new double[texts.size()]);
            int[] alike = IntStream.range(0, texts.size()).filter(i -> kept == null || isAlike(documents.get(i).ids(), own.get(i).ids(), kept)).toArray();
            if (alike.length == 0) {
                throw new IllegalArgumentException("not one of the texts to judge by consists of pieces that were kept of the vocabulary: give more text");
            }
            var reference = kept == null ? model.model() : new RestrictedModel(model.model(), kept);
            Divergence divergence = Divergence.of(reference, other.model(), other.tokenizer(), Arrays.stream(alike).mapToObj(own::get).toList(), options(other), progress);
            var fidelity = new Fidelity(Math.exp(sum(nll) / sum(tokens)), rise(ownNll), divergence.kl(), divergence.sameTop(), (long) sum(tokens), texts.size(), alike.length, writing,
                    writing(other, own));
            double fast = new MeasuredModel(other).tokensPerSecond();
            // what was timed first was timed before the machine's code was compiled
            speed = Math.max(speed, new MeasuredModel(model).tokensPerSecond());
            return new Found(fidelity, fast);
        }
    }

    private List<TokenDocument> documents(Tokenizer tokenizer) {
        return texts.stream().map(text -> TokenDocument.of(text, tokenizer)).toList();
    }

    private static PerplexityOptions options(LoadedModel model) {
        return PerplexityOptions.of(model.model().spec(), model.tokenizer()).withWindow(Math.min(Divergence.WINDOW, model.model().spec().contextLength()));
    }

    /** Loss and number of tokens of each text. */
    private void score(LoadedModel loaded, List<TokenDocument> documents, double[] nll, double[] tokens) {
        for (int i = 0; i < documents.size(); i++) {
            var loss = Perplexity.evaluate(loaded.model(), loaded.tokenizer(), List.of(documents.get(i)), options(loaded), Progress.SILENT).loss();
            nll[i] = loss.nll();
            tokens[i] = loss.tokens();
            progress.at("judging", i + 1, documents.size(), "texts");
        }
    }

    private Estimate rise(double[] ownNll) {
        return Bootstrap.DEFAULT.estimate((sum(ownNll) - sum(nll)) / sum(tokens), nll.length, drawn -> {
            double more = 0;
            double of = 0;
            for (int text : drawn) {
                more += ownNll[text] - nll[text];
                of += tokens[text];
            }
            return more / of;
        });
    }

    private static Writing writing(LoadedModel loaded, List<TokenDocument> documents) {
        var beginnings = new ArrayList<int[]>();
        int most = loaded.model().spec().contextLength() - BEGINNING - 1;
        for (TokenDocument document : documents.subList(0, Math.min(WRITTEN, documents.size()))) {
            beginnings.add(loaded.generator().sequence(Arrays.copyOf(document.ids(), Math.min(BEGINNING, document.ids().length))));
        }
        return Writing.of(loaded.generator(), beginnings, Math.min(WRITTEN_TOKENS, most), loaded.eosIds());
    }

    private static boolean isAlike(int[] ids, int[] own, int[] kept) {
        return Arrays.equals(ids, Arrays.stream(own).map(id -> kept[id]).toArray());
    }

    private static double sum(double[] values) {
        return Arrays.stream(values).sum();
    }

    @Override
    public void close() {
        model.close();
        files.close();
    }
}
