package dev.zhulong.recipe.verify;

import dev.zhulong.data.pack.CaptionBatch;
import dev.zhulong.data.pack.PictureBatch;
import dev.zhulong.formats.EncoderSpec.Head;
import dev.zhulong.formats.FormatException;
import dev.zhulong.formats.TensorView;
import dev.zhulong.formats.VisionSpec;
import dev.zhulong.media.MediaLimits;
import dev.zhulong.media.PictureReader;
import dev.zhulong.media.processor.PictureProcessor;
import dev.zhulong.media.processor.PreparedPicture;
import dev.zhulong.model.VisionEncoder;
import dev.zhulong.tensor.NoGrad;
import dev.zhulong.tensor.Tensor;
import dev.zhulong.tensor.TensorScope;
import dev.zhulong.train.Loss;
import dev.zhulong.train.PictureClasses;
import dev.zhulong.train.PictureTexts;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;

/**
 * What a network that sees pictures makes of a reference's inputs: {@code last_hidden_state}, {@code pooler_output} and {@code logits}, or where it reads texts
 * {@code image_embeds}, {@code text_embeds} and {@code logits_per_image}; {@code loss} and norms of gradients; and of pictures that lie beside the reference,
 * {@code pixel_values}.
 */
final class VisionOutputs {
    /** Ways to give each picture a class, of which the one with the reference's loss is looked for. */
    private static final int MOST_WAYS = 100_000;

    private VisionOutputs() {}

    static void of(VisionEncoder model, Path directory, Golden reference, Computed computed) {
        VisionSpec spec = model.spec();
        TensorView stored = reference.find(Golden.PIXELS).orElseThrow();
        long[] shape = stored.shape();
        if (shape.length != 4 || shape[0] < 1 || shape[1] != spec.patches().channels() || shape[2] < spec.patches().size() || shape[3] < spec.patches().size()) {
            throw new FormatException(reference.path(), "tensor " + Golden.PIXELS + ": expected [pictures, " + spec.patches().channels() + ", height, width] with patches of "
                    + spec.patches().size() + " by " + spec.patches().size() + " pixels, found " + Arrays.toString(shape));
        }
        processed(directory, reference, computed);
        var pictures = new PictureBatch((int) shape[0], (int) shape[2], (int) shape[3], stored.toFloats(), new int[0]);
        float[] logits = new float[0];
        try (var scope = TensorScope.open(); var off = NoGrad.open()) {
            Tensor pixels = model.pixels(pictures.pixels(), pictures.rows(), pictures.height(), pictures.width());
            Tensor states = model.states(pixels);
            if (spec.texts().isPresent()) {
                pairs(model, states, reference, computed);
            } else {
                // of a network with a head transformers gives the states of its layers alone, whose last ones are not normalised
                Tensor last = spec.head() instanceof Head.Classes ? model.statesBeforeNorm(pixels) : states;
                computed.put("last_hidden_state", last.toFloats(), last.shape());
                if (spec.head() instanceof Head.Classes) {
                    logits = model.logits(states).toFloats();
                    computed.put("logits", logits, pictures.rows(), spec.labels().size());
                } else {
                    computed.put("pooler_output", model.pooled(states).toFloats(), pictures.rows(), spec.pooledSize());
                }
            }
        }
        losses(model, pictures, logits, reference, computed);
    }

    private static void pairs(VisionEncoder model, Tensor states, Golden reference, Computed computed) {
        int[] ids = reference.ints(Golden.IDS).orElseThrow(() -> new FormatException(reference.path(), "expected a tensor " + Golden.IDS + " [texts, tokens], found none"));
        requireSeen(model.spec(), ids, reference);
        Verification.requireFits(reference, model.spec().texts().orElseThrow().stack().contextLength(), model.spec().vocabSize());
        Tensor vectors = VisionEncoder.ofLengthOne(model.vectors(states));
        Tensor texts = VisionEncoder.ofLengthOne(model.textVectors(model.textStates(Tensor.of(ids, reference.batch(), reference.seq())), ids));
        Tensor logits = model.similarities(vectors, texts);
        computed.put("image_embeds", vectors.toFloats(), vectors.shape());
        computed.put("text_embeds", texts.toFloats(), texts.shape());
        computed.put("logits_per_image", logits.toFloats(), logits.shape());
    }

    /** A causal tower never sees what follows a text; nothing else may be hidden. */
    private static void requireSeen(VisionSpec spec, int[] ids, Golden reference) {
        Optional<int[]> mask = reference.mask();
        VisionSpec.Texts texts = spec.texts().orElseThrow();
        for (int row = 0; mask.isPresent() && row < reference.batch(); row++) {
            int from = row * reference.seq();
            int needed = texts.causal() ? texts.pooled(Arrays.copyOfRange(ids, from, from + reference.seq())) + 1 : reference.seq();
            if (Arrays.stream(mask.get(), from, from + needed).anyMatch(seen -> seen == 0)) {
                throw new FormatException(reference.path(), "attention_mask hides tokens of row " + row + " that this model sees: leave it out");
            }
        }
    }

    /** What the directory's processor makes of the pictures beside the reference. */
    private static void processed(Path directory, Golden reference, Computed computed) {
        List<Path> files = pictures(reference.path().toAbsolutePath().getParent());
        boolean described = Files.exists(directory.resolve("preprocessor_config.json")) || Files.exists(directory.resolve("processor_config.json"));
        if (files.isEmpty() || !described) {
            return;
        }
        PictureProcessor processor = PictureProcessor.of(directory);
        List<PreparedPicture> all = files.stream().map(file -> processor.prepare(new PictureReader(MediaLimits.DEFAULT).read(file))).toList();
        int each = all.getFirst().values().length;
        if (all.stream().anyMatch(one -> one.values().length != each)) {
            return; // they cannot have been one tensor
        }
        float[] values = new float[all.size() * each];
        IntStream.range(0, all.size()).forEach(i -> System.arraycopy(all.get(i).values(), 0, values, i * each, each));
        int height = all.getFirst().plan().tileHeight();
        int width = all.getFirst().plan().tileWidth();
        computed.put(Golden.PIXELS, values, all.size(), each / height / width, height, width);
    }

    /** {@code picture0.png}, {@code picture1.png}, … */
    private static List<Path> pictures(Path directory) {
        try (var files = Files.list(directory)) {
            return files.filter(file -> file.getFileName().toString().matches("picture\\d{1,6}\\.(png|jpg|jpeg|webp|gif|bmp|tiff?)"))
                    .sorted(Comparator.comparingInt(VisionOutputs::number)).toList();
        } catch (IOException e) {
            throw new UncheckedIOException("cannot list " + directory + ": " + e.getMessage(), e);
        }
    }

    private static int number(Path file) {
        return Integer.parseInt(file.getFileName().toString().replaceAll("\\D*(\\d+)\\..*", "$1"));
    }

    private static void losses(VisionEncoder model, PictureBatch pictures, float[] logits, Golden reference, Computed computed) {
        model.requiresGrad(true);
        if (model.spec().texts().isPresent()) {
            if (reference.batch() == pictures.rows()) {
                put(model, new PictureTexts(model).accumulate(new CaptionBatch(pictures, reference.seq(), reference.ints(Golden.IDS).orElseThrow()), false), computed);
            }
        } else if (model.spec().head() instanceof Head.Classes) {
            labels(model.spec(), pictures.rows(), logits, reference, computed).ifPresent(right -> put(model, new PictureClasses(model).accumulate(
                    new PictureBatch(pictures.rows(), pictures.height(), pictures.width(), pictures.pixels(), right), false), computed));
        }
    }

    private static void put(VisionEncoder model, Loss loss, Computed computed) {
        computed.put("loss", loss.mean());
        Gradients.put(model, loss.count(), computed);
    }

    private static Optional<int[]> labels(VisionSpec spec, int rows, float[] logits, Golden reference, Computed computed) {
        int classes = spec.labels().size();
        Optional<int[]> given = reference.ints("labels", 0, classes - 1, 0, rows);
        Optional<Double> loss = reference.number("loss");
        if (given.isPresent() || loss.isEmpty() || Math.pow(classes, rows) > MOST_WAYS) {
            return given;
        }
        Optional<int[]> found = ofLoss(logits, rows, classes, loss.get());
        found.ifPresent(right -> computed.note("The reference has a loss and no labels; " + Arrays.toString(right) + " give its loss, and gradients are of these."));
        return found;
    }

    /** The classes whose mean cross-entropy is the nearest to a loss, if it is as near as is allowed. */
    private static Optional<int[]> ofLoss(float[] logits, int rows, int classes, double loss) {
        double[] costs = new double[rows * classes];
        for (int row = 0; row < rows; row++) {
            double sum = 0;
            for (int i = row * classes; i < (row + 1) * classes; i++) {
                sum += Math.exp(logits[i]);
            }
            for (int i = row * classes; i < (row + 1) * classes; i++) {
                costs[i] = Math.log(sum) - logits[i];
            }
        }
        int[] best = null;
        double nearest = 1e-5;
        for (int way = 0; way < (int) Math.pow(classes, rows); way++) {
            int[] right = new int[rows];
            double mean = 0;
            for (int row = 0, left = way; row < rows; row++, left /= classes) {
                right[row] = left % classes;
                mean += costs[row * classes + right[row]] / rows;
            }
            if (Math.abs(mean - loss) <= nearest) {
                nearest = Math.abs(mean - loss);
                best = right;
            }
        }
        return Optional.ofNullable(best);
    }
}
