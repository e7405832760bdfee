package dev.zhulong.infer;

import dev.zhulong.formats.EncoderSpec.Head;
import dev.zhulong.formats.embedding.EmbeddingConfig;
import dev.zhulong.formats.embedding.GgufEmbedding;
import dev.zhulong.formats.embedding.ScoreConfig;
import dev.zhulong.formats.gguf.GgufFile;
import dev.zhulong.formats.gguf.GgufMetadata;
import dev.zhulong.infer.Encoder.Input;
import dev.zhulong.text.GgufTokenizer;
import dev.zhulong.text.encode.EncodedText;
import dev.zhulong.text.encode.EncoderTokenizer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.function.Function;
import java.util.function.Supplier;

/**
 * Vectors of texts as a directory in sentence-transformers' layout says, or a GGUF file: its tokenizer, its network on an engine, its pooling.
 *
 * <pre>{@code
 * try (var encoder = SentenceEncoder.open(Path.of("all-MiniLM-L6-v2"), TorchEncoder::load)) {
 *     float[] vector = encoder.vectors(List.of("A text."), Optional.empty()).getFirst();
 * }
 * }</pre>
 */
public final class SentenceEncoder implements AutoCloseable {
    private final EmbeddingConfig config;
    private final EmbeddingHead head;
    private final EncoderTokenizer tokenizer;
    private final Encoder network;
    private final Optional<ScoreConfig> score;
    private final int mostTokens;

    private SentenceEncoder(EmbeddingConfig config, EmbeddingHead head, EncoderTokenizer tokenizer, Encoder network, Optional<ScoreConfig> score) {
        this.config = config;
        this.head = head;
        this.tokenizer = tokenizer;
        this.network = network;
        this.score = score;
        int stated = Math.min(config.maxTokens().orElse(Integer.MAX_VALUE), score.map(own -> own.maxTokens().orElse(Integer.MAX_VALUE)).orElse(Integer.MAX_VALUE));
        mostTokens = Math.min(stated, network.spec().contextLength());
    }

    /**
     * Opens a directory, or a GGUF file.
     *
     * @param load loads the network, whose folder or file it is given, on an engine
     * @throws dev.zhulong.formats.FormatException where a file is missing or wrong
     */
    public static SentenceEncoder open(Path model, Function<Path, Encoder> load) {
        return open(model, configOf(model), load);
    }

    /**
     * How a directory or a GGUF file says that its vectors are made.
     *
     * @throws dev.zhulong.formats.FormatException where it asks for what is not implemented
     */
    public static EmbeddingConfig configOf(Path model) {
        return GgufFile.isOne(model) ? GgufEmbedding.read(metadata(model)) : EmbeddingConfig.read(model);
    }

    /**
     * The same with vectors that are made as told, whatever the directory or the file says.
     *
     * @param config how states become vectors
     */
    public static SentenceEncoder open(Path model, EmbeddingConfig config, Function<Path, Encoder> load) {
        if (!GgufFile.isOne(model)) {
            return of(model, config, load);
        }
        GgufMetadata metadata = metadata(model);
        return of(config, EmbeddingHead.open(model, config), EncoderTokenizer.of(GgufTokenizer.loadInput(metadata)), () -> load.apply(model), () -> GgufEmbedding.score(metadata));
    }

    private static GgufMetadata metadata(Path file) {
        try (GgufFile opened = GgufFile.open(file)) {
            return opened.metadata();
        }
    }

    /**
     * Over a network that is there already and is closed with this object, with a directory's tokenizer.
     *
     * @param config how its states become vectors, whatever the directory says
     */
    public static SentenceEncoder over(Path directory, EmbeddingConfig config, Encoder network) {
        return of(directory, config, _ -> network);
    }

    private static SentenceEncoder of(Path directory, EmbeddingConfig config, Function<Path, Encoder> load) {
        EmbeddingHead head = EmbeddingHead.open(directory, config);
        Path folder = directory.resolve(config.network());
        return of(config, head, EncoderTokenizer.load(folder), () -> load.apply(folder), () -> ScoreConfig.read(directory, folder));
    }

    private static SentenceEncoder of(EmbeddingConfig config, EmbeddingHead head, EncoderTokenizer tokenizer, Supplier<Encoder> load, Supplier<ScoreConfig> score) {
        Encoder network = null;
        try {
            network = load.get();
            boolean scores = network.spec().head() instanceof Head.Classes classes && classes.labels().size() == 1;
            return new SentenceEncoder(config, head, tokenizer, network, scores ? Optional.of(score.get()) : Optional.empty());
        } catch (RuntimeException | Error e) {
            tokenizer.close();
            if (network != null) {
                network.close();
            }
            throw e;
        }
    }

    /** How the network's one output is a score of a pair of texts; empty where it has another head. */
    public Optional<ScoreConfig> score() {
        return score;
    }

    /** How texts become vectors. */
    public EmbeddingConfig config() {
        return config;
    }

    /** What runs; closed with this one. */
    public Encoder network() {
        return network;
    }

    /** Closed with this one. */
    public EncoderTokenizer tokenizer() {
        return tokenizer;
    }

    /** Length of the vectors. */
    public int size() {
        return config.dimension(network.spec().hiddenSize());
    }

    /** Tokens of a text, with the model's own, after which it is cut. */
    public int mostTokens() {
        return mostTokens;
    }

    /**
     * Vectors of texts, in order; what goes past {@link #mostTokens()} of a text does not count.
     *
     * @param prompt name of the prompt to put before each; the default one where empty
     * @throws IllegalArgumentException where there is no prompt of that name
     */
    public List<float[]> vectors(List<String> texts, Optional<String> prompt) {
        String before = config.prompt(prompt);
        int promptTokens = promptTokens(before);
        List<Input> inputs = new ArrayList<>();
        for (String text : texts) {
            inputs.add(input(encode(before + text)).statesAlone());
        }
        List<float[]> vectors = new ArrayList<>();
        List<Encoder.Output> outputs = network.encode(inputs);
        for (int i = 0; i < outputs.size(); i++) {
            vectors.add(vector(outputs.get(i), inputs.get(i).ids().length, promptTokens));
        }
        return vectors;
    }

    /** The vector of what the network makes of {@code tokens} tokens, the first {@code promptTokens} of them a prompt's. */
    public float[] vector(Encoder.Output output, int tokens, int promptTokens) {
        return head.vector(output.states(), tokens, promptTokens);
    }

    /**
     * The first numbers of a vector; of length 1 again where the directory's vectors are. Little is lost only of a model that was trained for it (Matryoshka
     * representations, Kusupati et al. 2022).
     *
     * @param dimensions from 1 to {@link #size()}
     */
    public float[] shortened(float[] vector, int dimensions) {
        float[] first = Arrays.copyOf(vector, dimensions);
        if (dimensions == vector.length || !config.normalizes()) {
            return first;
        }
        double squares = 0;
        for (float each : first) {
            squares += (double) each * each;
        }
        for (int i = 0; squares > 0 && i < first.length; i++) {
            first[i] = (float) (first[i] / Math.sqrt(squares));
        }
        return first;
    }

    /** Tokens of a text as its vector is made of them, the model's own included. */
    public EncodedText encode(String text) {
        return tokenizer.encode(cased(text), mostTokens);
    }

    /** A text in lower case where the directory asks for it. */
    public String cased(String text) {
        return config.lowercase() ? text.toLowerCase(Locale.ROOT) : text;
    }

    /** What the network is given of tokens. */
    public Input input(EncodedText tokens) {
        return Input.of(tokens.ids(), network.spec().segments() < 2 ? new int[0] : tokens.types());
    }

    /** Tokens of a prompt, with those before it but without those behind it, as sentence-transformers counts them; 0 of an empty one. */
    public int promptTokens(String prompt) {
        if (prompt.isEmpty()) {
            return 0;
        }
        EncodedText encoded = encode(prompt);
        return encoded.isSpecial(encoded.length() - 1) ? encoded.length() - 1 : encoded.length();
    }

    @Override
    public void close() {
        network.close();
        tokenizer.close();
    }
}
