package dev.zhulong.infer.speech;

import dev.zhulong.formats.EncoderDecoderSpec;
import dev.zhulong.formats.FormatException;
import dev.zhulong.formats.JsonFields;
import dev.zhulong.formats.ModelDirectory;
import dev.zhulong.infer.LogSumExp;
import dev.zhulong.infer.MemoryEstimate;
import dev.zhulong.infer.Sampler;
import dev.zhulong.infer.SamplerOptions;
import dev.zhulong.infer.open.Machine;
import dev.zhulong.infer.open.OpenEncoder;
import dev.zhulong.infer.search.TorchContinuation;
import dev.zhulong.media.LogMel;
import dev.zhulong.media.Sound;
import dev.zhulong.media.SoundResampler;
import dev.zhulong.model.EncoderDecoder;
import dev.zhulong.tensor.Device;
import dev.zhulong.tensor.DeviceScope;
import dev.zhulong.tensor.NoGrad;
import dev.zhulong.tensor.Tensor;
import dev.zhulong.tensor.TensorScope;
import dev.zhulong.text.HuggingFaceTokenizer;
import dev.zhulong.text.Tokenizer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Map;

/** A model that hears, on libtorch, with its tokenizer: windows of one length in, texts with times out. One thread uses it at a time. */
public final class SpeechModel implements AutoCloseable {
    private final EncoderDecoder network;
    private final Tokenizer tokenizer;
    private final SpeechTokens tokens;
    private final LogMel mel;

    private SpeechModel(EncoderDecoder network, Tokenizer tokenizer, SpeechTokens tokens) {
        this.network = network;
        this.tokenizer = tokenizer;
        this.tokens = tokens;
        this.mel = new LogMel(network.spec().bands());
    }

    /** Whether a directory holds a model that hears, by its configuration. */
    public static boolean is(Path model) {
        return Files.isRegularFile(model.resolve(ModelDirectory.CONFIG)) && ModelDirectory.readNetwork(model) instanceof EncoderDecoderSpec both && both.hears();
    }

    /** On the processor. */
    public static SpeechModel load(Path directory) {
        return load(directory, Device.CPU);
    }

    /**
     * Loads a directory in Hugging Face's layout: weights as F32, {@code tokenizer.json} and {@code generation_config.json}.
     *
     * @throws FormatException          where it holds no model that hears, or a file is missing or wrong
     * @throws IllegalArgumentException where there is too little memory
     */
    public static SpeechModel load(Path directory, Device device) {
        if (!(ModelDirectory.readNetwork(directory) instanceof EncoderDecoderSpec spec && spec.hears())) {
            throw new FormatException(directory, "expected a model that hears, such as Whisper, found a " + ModelDirectory.readNetwork(directory).family().title());
        }
        requireBands(directory);
        Tokenizer tokenizer = HuggingFaceTokenizer.load(directory);
        try (ModelDirectory files = ModelDirectory.open(directory); var on = DeviceScope.open(device)) {
            SpeechTokens tokens = SpeechTokens.read(directory, spec, tokenizer);
            long weights = files.plain().weights().values().stream().mapToLong(tensor -> tensor.elements() * Float.BYTES).sum();
            OpenEncoder.requireMemory(directory, "torch", new MemoryEstimate(weights, 0, buffers(spec)), device.isCpu() ? Machine.availableMemory() : Long.MAX_VALUE);
            return new SpeechModel(EncoderDecoder.load(files), tokenizer, tokens);
        } catch (RuntimeException e) {
            tokenizer.close();
            throw e;
        }
    }

    /** A window in the encoder, and the keys and values that the decoder makes of it. */
    private static long buffers(EncoderDecoderSpec spec) {
        long row = Math.max(spec.hiddenSize() * 4L, spec.encoder().layers().getFirst().mlp().width()) + 2L * spec.hiddenSize() * spec.decoder().layers().size();
        return spec.encoder().contextLength() * row * 2 * Float.BYTES;
    }

    /** What is heard is made here in one way: a model that was made for another would write nonsense. */
    private static void requireBands(Path directory) {
        Path file = directory.resolve("preprocessor_config.json");
        if (!Files.isRegularFile(file)) {
            return;
        }
        JsonFields json = JsonFields.read(file);
        Map.of("sampling_rate", LogMel.RATE, "hop_length", LogMel.HOP, "n_fft", 400).forEach((field, value) -> {
            if (json.isSet(field) && json.integer(field, 1, Integer.MAX_VALUE) != value) {
                throw json.wrong(field, value + " (another is not implemented)", json.node(field));
            }
        });
    }

    /** The network's shape. */
    public EncoderDecoderSpec spec() {
        return network.spec();
    }

    /** Ids with a meaning. */
    public SpeechTokens tokens() {
        return tokens;
    }

    /** Frames of a window, {@value LogMel#HOP} samples each. */
    public int window() {
        return spec().frames();
    }

    /** What the model hears of a recording of any rate: at least a window long, filled up with silence. */
    Spectrogram spectrogram(Sound sound) {
        float[] samples = SoundResampler.to(LogMel.RATE, sound).samples();
        int content = (samples.length + LogMel.HOP - 1) / LogMel.HOP;
        int least = Math.max(window(), content) * LogMel.HOP;
        return new Spectrogram(spec().bands(), mel.of(samples.length < least ? Arrays.copyOf(samples, least) : samples), content, samples);
    }

    /** What the encoder makes of a window [bands · window]; to be closed. */
    Tensor hear(float[] window) {
        try (var on = DeviceScope.open(network.device());
                var scope = TensorScope.open();
                var off = NoGrad.open()) {
            return network.hear(Tensor.of(window, 1, spec().bands(), window())).keep();
        }
    }

    /** A language and how probable it is among those that the model knows. */
    record Spoken(String language, double probability) {}

    /** The language that is spoken in a window. */
    Spoken language(Tensor encoded) {
        float[] logits;
        try (var text = begin(encoded)) {
            logits = text.read(new int[] {tokens.start()}, 0)[0];
        }
        List<String> codes = tokens.languages().keySet().stream().sorted().toList();
        float[] some = new float[codes.size()];
        for (int i = 0; i < some.length; i++) {
            some[i] = logits[tokens.languages().get(codes.get(i))];
        }
        String best = codes.stream().max(Comparator.comparingDouble(code -> logits[tokens.languages().get(code)])).orElseThrow();
        return new Spoken(best, Math.exp(logits[tokens.languages().get(best)] - LogSumExp.of(some, 0, some.length)));
    }

    private TorchContinuation begin(Tensor encoded) {
        try (var scope = TensorScope.open()) {
            return TorchContinuation.ofEncoded(network, encoded.copy().keep());
        }
    }

    /**
     * A text that was written of a window.
     *
     * @param ids        without what ends it
     * @param logProb    mean of the log-probabilities of its ids, that which ends it included
     * @param noSpeech   probability that nobody speaks; 0 where the model does not say
     * @param temperature at which it was drawn
     */
    record Written(List<Integer> ids, double logProb, double noSpeech, double temperature) {}

    /**
     * Writes the text of a window.
     *
     * @param encoded   of {@link #hear}
     * @param before    ids that the decoder reads before its prompt; may be empty
     * @param prompt    language and task
     * @param withTimes whether times are written
     * @param most      ids to write
     * @param sampling  the likeliest each time, or drawn
     * @param sequence  number of the text among those of one seed
     */
    Written write(Tensor encoded, List<Integer> before, int[] prompt, boolean withTimes, int most, SamplerOptions sampling, long sequence) {
        var rules = new SpeechRules(tokens, withTimes);
        int[] given = new int[before.size() + prompt.length];
        Arrays.setAll(given, i -> i < before.size() ? before.get(i) : prompt[i - before.size()]);
        int vocab = spec().vocabSize();
        int room = Math.min(most, spec().longest() - given.length);
        List<Integer> ids = new ArrayList<>();
        double sum = 0;
        double noSpeech = 0;
        var sampler = new Sampler(sampling, vocab, sequence);
        try (var text = begin(encoded)) {
            float[][] both = text.read(given, before.size(), given.length - 1);
            float[] first = both[0];
            if (tokens.noSpeech() >= 0) {
                noSpeech = Math.exp(first[tokens.noSpeech()] - LogSumExp.of(first, 0, vocab));
            }
            float[] logits = both[both.length - 1];
            int count = 0;
            while (true) {
                rules.apply(logits, ids);
                int next = sampler.next(logits);
                sum += logits[next] - LogSumExp.of(logits, 0, vocab);
                count++;
                if (next == tokens.end()) {
                    break;
                }
                ids.add(next);
                if (ids.size() >= room) {
                    break;
                }
                logits = text.append(new int[] {next})[0];
            }
            return new Written(ids, sum / count, noSpeech, sampling.temperature());
        }
    }

    /** The words among ids, without times. */
    String text(List<Integer> ids) {
        return tokenizer.decode(ids.stream().mapToInt(Integer::intValue).filter(id -> id < tokens.end()).toArray());
    }

    /** What stands before a prompt so that the model writes on from a text: its last ids, as many as leave half of the room. */
    List<Integer> before(List<Integer> text) {
        int most = spec().longest() / 2 - 1;
        List<Integer> last = text.stream().filter(id -> id < tokens.end()).toList();
        if (tokens.previous() < 0 || last.isEmpty() || most < 1) {
            return List.of();
        }
        List<Integer> all = new ArrayList<>(List.of(tokens.previous()));
        all.addAll(last.subList(Math.max(0, last.size() - most), last.size()));
        return all;
    }

    /** Ids of a text of the user's, in which nothing is a token with a meaning. */
    List<Integer> ids(String text) {
        return Arrays.stream(tokenizer.encode(text)).boxed().toList();
    }

    @Override
    public void close() {
        network.close();
        tokenizer.close();
    }
}
