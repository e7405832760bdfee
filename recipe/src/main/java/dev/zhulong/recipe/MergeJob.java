package dev.zhulong.recipe;

import dev.zhulong.formats.AtomicFile;
import dev.zhulong.formats.GenerationConfig;
import dev.zhulong.formats.LoraConfig;
import dev.zhulong.formats.Provenance;
import dev.zhulong.formats.StorageType;
import dev.zhulong.model.Decoder;
import dev.zhulong.model.DecoderFiles;
import dev.zhulong.model.LoraAdapter;
import dev.zhulong.model.LoraMerge;
import dev.zhulong.model.NetworkFiles;
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
        try (Decoder model = DecoderFiles.load(base); LoraAdapter adapter = LoraAdapter.load(adapterDirectory, model)) {
            float[] before = logits(model);
            model.attach(adapter);
            float[] adapted = logits(model);
            if (difference(before, adapted) == 0) {
                throw new IllegalArgumentException(adapterDirectory + ": this adapter changes nothing: it has not been trained");
            }
            LoraMerge merge = LoraMerge.fold(model, adapter, type);
            try {
                Files.createDirectories(out);
                NetworkFiles.save(model, out, type);
                Companions.copy(base, out);
                // the template that the adapter was trained with comes before the model's own
                Path template = adapterDirectory.resolve(ChatTemplate.FILE);
                if (Files.isRegularFile(template)) {
                    AtomicFile.writeBytes(out.resolve(ChatTemplate.FILE), Files.readAllBytes(template));
                }
                GenerationFile.write(Optional.of(base), model.spec(), ends(base, adapterDirectory), out);
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
            double moved;
            try (Decoder written = DecoderFiles.load(out)) {
                moved = difference(adapted, logits(written));
            }
            Provenance.of("merge", List.of(Provenance.Input.of(base), Provenance.Input.of(adapterDirectory.resolve(LoraConfig.FILE)),
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

    /** Over ids from all of the vocabulary. */
    private static float[] logits(Decoder model) {
        int length = Math.min(PROBE, model.spec().contextLength());
        int[] ids = new int[length];
        for (int i = 0; i < length; i++) {
            ids[i] = (int) ((i * 2_654_435_761L + 1) % model.spec().vocabSize());
        }
        try (var scope = TensorScope.open(); var off = NoGrad.open()) {
            return model.logits(Tensor.of(ids, 1, length)).toFloats();
        }
    }

    private static double difference(float[] a, float[] b) {
        double most = 0;
        for (int i = 0; i < a.length; i++) {
            most = Math.max(most, Math.abs(a[i] - b[i]));
        }
        return most;
    }
}
