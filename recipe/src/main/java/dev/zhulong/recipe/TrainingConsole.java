package dev.zhulong.recipe;

import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.formats.progress.Event;
import dev.zhulong.formats.progress.Progress;
import dev.zhulong.formats.progress.ProgressLine;
import dev.zhulong.infer.GenerateOptions;
import dev.zhulong.infer.Generator;
import dev.zhulong.infer.SamplerOptions;
import dev.zhulong.infer.TorchEngine;
import dev.zhulong.model.Decoder;
import dev.zhulong.model.Network;
import dev.zhulong.recipe.cost.Formulas;
import dev.zhulong.text.Tokenizer;
import dev.zhulong.train.TrainListener;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;

/**
 * Reports a training run: its steps as events with their loss and pace, its evaluations, and a sample of what the model writes by now.
 *
 * <pre>{@code
 * try (var line = ProgressLine.on(System.err)) {
 *     var console = new TrainingConsole(line, model.spec(), tokenizer, seq, gflops, "Once upon a time", 100);
 *     new Trainer<>(model, new NextToken(model, bytes), data, options, run, console).train();
 * }
 * }</pre>
 */
public class TrainingConsole implements TrainListener {
    private final Progress line;
    private final Tokenizer tokenizer;
    private final double flopsPerToken;
    private final double gflops;
    private final String prompt;
    private final GenerateOptions options;
    private Optional<Evaluation> last = Optional.empty();

    /**
     * @param line         where it reports
     * @param seq          tokens a row
     * @param gflops       this machine's measured matrix speed, GFLOP/s; NaN when unknown
     * @param prompt       samples go on from it; empty for a new document
     * @param sampleTokens tokens a sample
     */
    public TrainingConsole(Progress line, DecoderSpec spec, Tokenizer tokenizer, int seq, double gflops, String prompt,
            int sampleTokens) {
        this(line, tokenizer, flopsPerToken(spec, seq), gflops, prompt, sampleTokens);
    }

    /** The same with the floating-point operations of a token given. */
    TrainingConsole(Progress line, Tokenizer tokenizer, double flopsPerToken, double gflops, String prompt, int sampleTokens) {
        this.line = line;
        this.tokenizer = tokenizer;
        this.flopsPerToken = flopsPerToken;
        this.gflops = gflops;
        this.prompt = prompt;
        this.options = GenerateOptions.of(sampleTokens, SamplerOptions.DEFAULT.withTemperature(0.8).withTopK(50));
    }

    /** Floating-point operations of one token's forward and backward, {@link Formulas#flopsPerToken(dev.zhulong.formats.NetworkSpec, int)}. */
    public static double flopsPerToken(DecoderSpec spec, int seq) {
        return Formulas.flopsPerToken(spec, seq);
    }

    /** The same where not every token is learnt and an adapter may stand for the weights. */
    static double flopsPerToken(DecoderSpec spec, int seq, double learnt, boolean adapter) {
        return Formulas.flopsPerToken(spec, seq, learnt, adapter);
    }

    /** The newest evaluation. */
    public Optional<Evaluation> last() {
        return last;
    }

    @Override
    public void step(Step s) {
        Map<String, Double> values = new LinkedHashMap<>();
        values.put(Event.LOSS, s.loss());
        values.put(Event.BITS_PER_BYTE, s.bitsPerByte());
        values.put(Event.TOKENS_PER_SECOND, s.tokensPerSecond() > 0 ? s.tokensPerSecond() : Double.NaN);
        values.put(Event.MATRIX_SHARE, s.tokensPerSecond() * flopsPerToken / (gflops * 1e9));
        values.put(Event.SECONDS_LEFT, s.secondsLeft());
        line.event(new Event("train", s.step(), s.total(), "steps", values, ""));
    }

    @Override
    public void evaluated(Evaluation e) {
        last = Optional.of(e);
        line.message(String.format(Locale.ROOT, "step %,d: held-out loss %.4f %s%s", e.step(), e.loss(), e.unit(),
                !Double.isNaN(e.bitsPerByte()) ? String.format(Locale.ROOT, ", %.4f bits a byte", e.bitsPerByte()) : ""));
    }

    @Override
    public void sample(long step, Network model) {
        // the engine only reads the live weights: closing it would close them
        @SuppressWarnings("resource")
        var generator = new Generator(new TorchEngine((Decoder) model), tokenizer);
        // a tokenizer without control tokens has nothing a document could begin with, so a line begins
        String opening = prompt.isEmpty() && tokenizer.bos().isEmpty() && tokenizer.eos().isEmpty() ? "\n" : prompt;
        String text = generator.generate(generator.sequence(opening), options, piece -> { }).text();
        line.message(String.format(Locale.ROOT, "step %,d, the model writes: %s%s", step, opening, text).stripTrailing() + "\n");
    }

    @Override
    public void message(String text) {
        line.message(text);
    }
}
