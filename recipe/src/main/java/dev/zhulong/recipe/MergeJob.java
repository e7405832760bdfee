package dev.zhulong.recipe;

import dev.zhulong.formats.AtomicFile;
import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.formats.EncoderSpec;
import dev.zhulong.formats.GenerationConfig;
import dev.zhulong.formats.LoraConfig;
import dev.zhulong.formats.Provenance;
import dev.zhulong.formats.StorageType;
import dev.zhulong.formats.embedding.EmbeddingConfig;
import dev.zhulong.model.Decoder;
import dev.zhulong.model.Encoder;
import dev.zhulong.model.EncoderDecoder;
import dev.zhulong.model.LoraAdapter;
import dev.zhulong.model.LoraMerge;
import dev.zhulong.model.Network;
import dev.zhulong.model.NetworkFiles;
import dev.zhulong.tensor.DType;
import dev.zhulong.tensor.NoGrad;
import dev.zhulong.tensor.Tensor;
import dev.zhulong.tensor.TensorScope;
import dev.zhulong.text.Companions;
import dev.zhulong.text.HuggingFaceTokenizer;
import dev.zhulong.text.Tokenizer;
import dev.zhulong.text.chat.ChatEncoder;
import dev.zhulong.text.chat.ChatTemplate;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** A model and its adapter to one model directory that needs no adapter. */
public final class MergeJob {
    private static final int PROBE = 32;

    private MergeJob() {}

    /**
     * How far logits moved over a probe of {@value #PROBE} tokens.
     *
     * @param tensors weights that changed
     * @param largest |ΔW|
     * @param adapted largest |Δlogit| between the model and the model with its adapter
     * @param merged  largest |Δlogit| between the model with its adapter and the merged model as it was written
     */
    public record Result(int tensors, double largest, double adapted, double merged) {}

    /**
     * Folds in F32 and writes {@code out}.
     *
     * @param type of the written weights: F32, BF16 or F16
     * @throws IllegalArgumentException if the adapter changes nothing, or rounding to {@code type} would erase what it changes
     */
    public static Result run(Path base, Path adapterDirectory, Path out, StorageType type) {
        Path from = network(base);
        Path to = out.resolve(base.relativize(from));
        try (Network model = NetworkFiles.loadBase(from, adapterDirectory); LoraAdapter adapter = LoraAdapter.load(adapterDirectory, model)) {
            float[] before = logits(model);
            model.attach(adapter);
            float[] adapted = logits(model);
            if (difference(before, adapted) == 0) {
                throw new IllegalArgumentException(adapterDirectory + ": this adapter changes nothing: it has not been trained");
            }
            LoraMerge merge = LoraMerge.fold(model, adapter, type);
            try {
                Files.createDirectories(to);
                NetworkFiles.save(model, to, type);
                Companions.copy(from, to);
                // the template that the adapter was trained with comes before the model's own
                Path template = adapterDirectory.resolve(ChatTemplate.FILE);
                if (Files.isRegularFile(template)) {
                    AtomicFile.writeBytes(out.resolve(ChatTemplate.FILE), Files.readAllBytes(template));
                }
                if (model.spec() instanceof DecoderSpec decoder) {
                    GenerationFile.write(Optional.of(base), decoder, ends(base, adapterDirectory), out);
                } else if (model.spec() instanceof EncoderSpec encoder && encoder.outputs() == 0) {
                    vectors(base, adapterDirectory, out, encoder.hiddenSize());
                }
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
            double moved;
            try (Network written = NetworkFiles.load(to)) {
                moved = difference(adapted, logits(written));
            }
            Provenance.of("merge", List.of(Provenance.Input.of(from), Provenance.Input.of(adapterDirectory.resolve(LoraConfig.FILE)),
                    Provenance.Input.of(adapterDirectory.resolve(LoraConfig.WEIGHTS))), Map.of("type", type.name()), 0).write(out);
            return new Result(merge.tensors(), merge.largest(), difference(before, adapted), moved);
        }
    }

    /** Ids that end what the adapter was trained on: as its file names them, or else as its own template does. */
    private static Collection<Integer> ends(Path base, Path adapter) {
        List<Integer> named = GenerationConfig.eosIdsIn(adapter);
        if (!named.isEmpty() || !Files.isRegularFile(adapter.resolve(ChatTemplate.FILE)) || !Files.isRegularFile(base.resolve("tokenizer.json"))) {
            return named;
        }
        try (Tokenizer tokenizer = HuggingFaceTokenizer.load(base)) {
            return new ChatEncoder(ChatTemplate.load(adapter), tokenizer).endOfTurn();
        }
    }

    /** The folder of a model's network: the directory itself, or in sentence-transformers' layout perhaps one inside. */
    public static Path network(Path model) {
        return Files.isRegularFile(model.resolve("config.json")) ? model : model.resolve(EmbeddingConfig.read(model).network());
    }

    /** How vectors are made, where the adapter says it or the base does, of a network that lies where they say. */
    private static void vectors(Path base, Path adapter, Path out, int hidden) {
        for (Path from : List.of(adapter, base)) {
            EmbeddingConfig config = EmbeddingConfig.read(from);
            if (Files.isRegularFile(from.resolve("modules.json")) && base.resolve(config.network()).equals(network(base))) {
                config.write(from, out, hidden);
                return;
            }
        }
    }

    /** Over ids from all of the vocabulary; states where an encoder has no head. */
    private static float[] logits(Network model) {
        try (var scope = TensorScope.open(); var off = NoGrad.open()) {
            Tensor logits = switch (model) {
                case Decoder decoder -> {
                    int[] ids = probe(decoder.spec().vocabSize(), decoder.spec().contextLength());
                    yield decoder.logits(Tensor.of(ids, 1, ids.length));
                }
                case Encoder encoder -> {
                    int[] ids = probe(encoder.spec().vocabSize(), encoder.spec().contextLength());
                    Tensor states = encoder.states(ids, new int[ids.length], null, 1);
                    yield encoder.spec().outputs() == 0 ? states : encoder.logits(states);
                }
                case EncoderDecoder both when both.spec().hears() -> {
                    long values = (long) both.spec().bands() * both.spec().frames();
                    Tensor sound = Tensor.arange(values).to(DType.F32).sin().view(1, both.spec().bands(), both.spec().frames());
                    yield both.logits(both.states(sound, probe(both.spec().vocabSize(), both.spec().longest())));
                }
                case EncoderDecoder both -> both.logits(both.states(probe(both.spec().sourceVocab(), both.spec().longest()), null,
                        probe(both.spec().vocabSize(), both.spec().longest()), 1));
                default -> throw new IllegalStateException("no such network: " + model.spec());
            };
            return logits.toFloats();
        }
    }

    private static int[] probe(int vocab, int context) {
        int[] ids = new int[Math.min(PROBE, context)];
        for (int i = 0; i < ids.length; i++) {
            ids[i] = (int) ((i * 2_654_435_761L + 1) % vocab);
        }
        return ids;
    }

    private static double difference(float[] a, float[] b) {
        double most = 0;
        for (int i = 0; i < a.length; i++) {
            most = Math.max(most, Math.abs(a[i] - b[i]));
        }
        return most;
    }
}
