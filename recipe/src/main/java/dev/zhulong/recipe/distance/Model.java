package dev.zhulong.recipe.distance;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.zhulong.data.label.DistantAnswers;
import dev.zhulong.formats.EncoderSpec;
import dev.zhulong.formats.Families;
import dev.zhulong.formats.JsonFields;
import dev.zhulong.formats.Parameter;
import dev.zhulong.formats.Parameter.Init;
import dev.zhulong.formats.Reach;
import dev.zhulong.formats.Role;
import dev.zhulong.formats.StorageType;
import dev.zhulong.model.Encoder;
import dev.zhulong.model.NetworkFiles;
import dev.zhulong.model.Weight;
import dev.zhulong.tensor.Tensor;
import dev.zhulong.tensor.TensorScope;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.SplittableRandom;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * One of the models that are compared: an encoder of ModernBERT's shape, whose tokens know each other's places by rotation alone, so that the three patterns of attention are
 * the same network with the same weights at the beginning.
 *
 * @param width  of the residual stream
 * @param layers number of layers
 */
record Model(int width, int layers, Attention attention) {
    /** Tokens before the text: a mark, the question, a mark. */
    static final int QUESTION = DistantAnswers.TOKENS + 2;
    /** Where an input names who is asked about, counted from 0. */
    private static final int NAMED = 4;
    private static final int HEAD_WIDTH = 32;
    /** Deviation of weights as they are drawn. */
    private static final double DRAWN = 0.02;
    private static final int MOST_WIDE = 4096;
    private static final Pattern SIZE = Pattern.compile("(\\d{1,6})x(\\d{1,3})");

    /** Who attends to whom. */
    enum Attention {
        /** Every token to every other. */
        DENSE,
        /** Every token to those nearby. */
        WINDOW,
        /** Besides, all to the question and the question to all. */
        GLOBAL;

        @Override
        public String toString() {
            return name().toLowerCase(Locale.ROOT);
        }
    }

    /** A size with every pattern. @throws IllegalArgumentException where it is not WIDTHxLAYERS */
    static List<Model> of(String size) {
        Matcher matcher = SIZE.matcher(size);
        if (!matcher.matches()) {
            throw new IllegalArgumentException("expected a model as WIDTHxLAYERS, such as 64x3; found '" + size + "'");
        }
        int width = Integer.parseInt(matcher.group(1));
        int layers = Integer.parseInt(matcher.group(2));
        if (width < HEAD_WIDTH || width > MOST_WIDE || width % HEAD_WIDTH != 0 || layers < 1) {
            throw new IllegalArgumentException("a model is from " + HEAD_WIDTH + " to " + MOST_WIDE + " wide, a multiple of " + HEAD_WIDTH + ", with at least one layer; found '" + size + "'");
        }
        return Arrays.stream(Attention.values()).map(attention -> new Model(width, layers, attention)).toList();
    }

    String size() {
        return width + "x" + layers;
    }

    @Override
    public String toString() {
        return size() + "-" + attention;
    }

    /**
     * The furthest sentence whose first word can know whom the question names: through each layer it comes half a window further. All of them, where the question is seen from
     * everywhere.
     */
    int furthest(Plan plan) {
        int first = NAMED + layers * (plan.window() / 2) - QUESTION;
        int sentence = Math.floorDiv(first, DistantAnswers.TOKENS) + 1;
        return attention == Attention.WINDOW ? Math.clamp(sentence, 0, plan.sentences()) : plan.sentences();
    }

    /** The shape. @param vocabulary tokens of the tokenizer */
    EncoderSpec spec(Plan plan, int vocabulary) {
        ObjectNode config = JsonNodeFactory.instance.objectNode();
        config.put("vocab_size", vocabulary).put("pad_token_id", 0).put("hidden_size", width).put("intermediate_size", 2 * width);
        config.put("num_hidden_layers", layers).put("num_attention_heads", width / HEAD_WIDTH).put("max_position_embeddings", plan.tokens());
        config.put("global_attn_every_n_layers", 1).put("global_rope_theta", 10_000).put("attention_bias", true);
        EncoderSpec spec = ((EncoderSpec) Families.find("modernbert").orElseThrow().read(new JsonFields(Path.of("plan.yaml"), "", config))).withSpans();
        return switch (attention) {
            case DENSE -> spec;
            case WINDOW -> spec.withReach(new Reach.Window(plan.window()));
            case GLOBAL -> spec.withReach(new Reach.Global(plan.window(), QUESTION));
        };
    }

    /**
     * Writes it with fresh weights and its tokenizer, to be trained. Matrices are as large as their width asks for: as small as a wide model has them (0.02), a narrow one finds
     * no name in thousands of steps. Words, which a norm follows, are larger yet, so that they do not all move with each step. Queries and keys have a part that is the same for
     * all words, so that places can be looked at from the beginning whatever stands there.
     */
    void write(Path directory, Plan plan) {
        List<String> words = DistantAnswers.words();
        WordTokenizer.write(directory, words);
        var random = new SplittableRandom(plan.seed());
        try (Encoder fresh = Encoder.random(spec(plan, WordTokenizer.size(words)), plan.seed()); var scope = TensorScope.open()) {
            for (Weight weight : fresh.weights().values()) {
                Parameter parameter = weight.parameter();
                if (parameter.role() == Role.EMBED) {
                    weight.tensor().mul_(1 / DRAWN);
                } else if (parameter.init() == Init.NORMAL || parameter.init() == Init.RESIDUAL) {
                    weight.tensor().mul_(1 / (DRAWN * Math.sqrt(width)));
                } else if (parameter.role() == Role.QKV && parameter.bias()) {
                    float[] bias = new float[3 * width];
                    for (int i = 0; i < 2 * width; i++) {
                        bias[i] = (float) random.nextGaussian();
                    }
                    weight.tensor().copy_(Tensor.of(bias, bias.length));
                }
            }
            NetworkFiles.save(fresh, directory, StorageType.F32);
        }
    }
}
