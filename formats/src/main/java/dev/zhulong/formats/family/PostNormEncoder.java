package dev.zhulong.formats.family;

import static dev.zhulong.formats.family.ConfigFields.MOST;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.zhulong.formats.DecoderSpec.Activation;
import dev.zhulong.formats.DecoderSpec.Norm;
import dev.zhulong.formats.EncoderFamily;
import dev.zhulong.formats.EncoderSpec;
import dev.zhulong.formats.EncoderSpec.Dense;
import dev.zhulong.formats.EncoderSpec.Head;
import dev.zhulong.formats.EncoderSpec.Problem;
import dev.zhulong.formats.Families;
import dev.zhulong.formats.FormatException;
import dev.zhulong.formats.JsonFields;
import dev.zhulong.formats.NetworkSpec;
import dev.zhulong.formats.Parameter;
import dev.zhulong.formats.Parameter.Init;
import dev.zhulong.formats.Parameter.Layout;
import dev.zhulong.formats.Parameters;
import dev.zhulong.formats.Role;
import dev.zhulong.formats.Stack;
import dev.zhulong.formats.Stack.Attention;
import dev.zhulong.formats.Stack.Layer;
import dev.zhulong.formats.Stack.Mlp;
import dev.zhulong.formats.Stack.NormPlace;
import dev.zhulong.formats.Stack.Positions;
import dev.zhulong.formats.TensorView;
import dev.zhulong.formats.gguf.GgufEncoder;
import dev.zhulong.formats.gguf.GgufFile;
import dev.zhulong.formats.gguf.GgufMetadata;
import java.util.Collections;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.BiFunction;
import java.util.function.Supplier;
import java.util.stream.Stream;

/**
 * What BERT (Devlin et al. 2018) and its descendants share: learned positions, LayerNorm after each sum, biases everywhere, and five architectures
 * that differ in their heads. A family says what it calls things.
 */
abstract class PostNormEncoder implements GgufEncoder {
    private static final String BARE = "Model";
    private static final String TOKENS = "ForMaskedLM";
    private static final String CLASSES = "ForSequenceClassification";
    private static final String TAGS = "ForTokenClassification";
    private static final String SPANS = "ForQuestionAnswering";

    /** What a family calls its layers' weights. @param layers what is before a layer's number */
    record Names(String layers, String q, String k, String v, String out, String norm1, String up, String down, String norm2) {}

    /** What its architectures' names begin with, such as {@code Bert}. */
    abstract String stem();

    /** What the names of the encoder's weights begin with in a network with a head, such as {@code bert.}. */
    abstract String prefix();

    abstract Names names();

    /** What the names of the weights of any head begin with. */
    abstract List<String> headNames();

    /** What comes before {@code .bias} and {@code .decoder.weight} of the head over masked tokens; null where its two have one name. */
    abstract String tokenHead();

    /** Adds the head's weights. @param prefix of the encoder's weights */
    abstract void headParameters(ParameterList list, EncoderSpec spec, String prefix);

    @Override
    public final List<String> architectures() {
        return Stream.concat(Stream.of(BARE, TOKENS, CLASSES, TAGS, SPANS), otherTokenHeads().stream()).map(end -> stem() + end).toList();
    }

    /** Architectures that are read as if they were for masked tokens alone. */
    List<String> otherTokenHeads() {
        return List.of();
    }

    @Override
    public final String architecture(NetworkSpec network) {
        return stem() + end(((EncoderSpec) network).head());
    }

    /** What the name of an architecture with this head ends in. */
    static String end(Head head) {
        return switch (head) {
            case Head.None none -> BARE;
            case Head.MaskedTokens tokens -> TOKENS;
            case Head.Classes classes -> CLASSES;
            case Head.Tags tags -> TAGS;
            case Head.Spans spans -> SPANS;
        };
    }

    /** Layers of this shape. @param rows of the table of positions  @param first of them that stands for position 0 */
    static Stack stack(JsonFields config, int hidden, int layers, String headsField, int inner, Activation activation, double epsilon, int rows, int first) {
        int heads = config.integer(headsField, 1, MOST);
        if (hidden % heads != 0) {
            throw config.wrong(headsField, "a divisor of the hidden size " + hidden, heads);
        }
        if (rows <= first) {
            throw config.wrong("max_position_embeddings", "more than " + first + ", which is where positions begin", rows);
        }
        var layer = new Layer(new Attention(heads, heads, hidden / heads, true, true, false, 0), new Mlp.Dense(inner, activation, false, true));
        return new Stack(hidden, Collections.nCopies(layers, layer), Norm.LAYER, epsilon, NormPlace.AFTER, new Positions.Learned(first), rows - first);
    }

    /** The head that the architecture named in the file has; none where it names none. */
    final Head head(JsonFields config, Activation activation) {
        return head(config, this, stem(), Set.copyOf(otherTokenHeads()), () -> new Head.MaskedTokens(denseOfTokens(activation), isTied(config)),
                (labels, problem) -> new Head.Classes(classesDense(config), labels, problem), denseOfTags());
    }

    /** Whether the head over masked tokens shares the embedding's weight, as the file says. */
    boolean isTied(JsonFields config) {
        return config.flag("tie_word_embeddings", true);
    }

    /** What a head over classes begins with, as the file says. */
    Optional<Dense> classesDense(JsonFields config) {
        return denseOfClasses();
    }

    /**
     * The head that the architecture named in a file of any family has; none where it names none.
     *
     * @param otherTokenHeads ends of names that stand for masked tokens too
     * @param tags            what heads over tags and spans begin with
     */
    static Head head(JsonFields config, EncoderFamily family, String stem, Set<String> otherTokenHeads, Supplier<Head> tokens,
            BiFunction<List<String>, Problem, Head> classes, Optional<Dense> tags) {
        var named = config.node("architectures");
        if (named.isEmpty()) {
            return new Head.None();
        }
        String name = named.path(0).asText();
        String end = name.startsWith(stem) ? name.substring(stem.length()) : "";
        return switch (otherTokenHeads.contains(end) ? TOKENS : end) {
            case BARE -> new Head.None();
            case TOKENS -> tokens.get();
            case CLASSES -> {
                List<String> labels = ConfigLabels.read(config);
                yield classes.apply(labels, ConfigLabels.problem(config, labels.size()));
            }
            case TAGS -> new Head.Tags(tags, ConfigLabels.read(config));
            case SPANS -> new Head.Spans(tags);
            default -> throw config.wrong("architectures", "one of " + String.join(", ", family.architectures()), FormatException.quote(name));
        };
    }

    /** Refuses what this class's networks do not have; a decoder has its file elsewhere. @param windows whether layers may have a short reach */
    static void refuseOthers(EncoderSpec spec, boolean windows) {
        require(spec, spec.stack().norm() == Norm.LAYER, "norm", "LAYER", spec.stack().norm());
        require(spec, spec.stack().place() == NormPlace.AFTER, "place of the norm", "AFTER", spec.stack().place());
        Layer first = spec.layer(0);
        require(spec, spec.stack().isUniform(), "layers", "the same", "different ones");
        Attention a = first.attention().withWindow(0);
        require(spec, windows || spec.stack().layers().stream().allMatch(layer -> layer.attention().window() == 0), "reach", "all tokens", first.attention());
        require(spec, a.equals(new Attention(a.heads(), a.heads(), spec.hiddenSize() / a.heads(), true, true, false, 0)), "attention",
                "hiddenSize / heads wide, with biases", a);
        require(spec, first.mlp() instanceof Mlp.Dense mlp && !mlp.gated() && mlp.bias(), "mlp", "ungated, with biases", first.mlp());
    }

    static void require(EncoderSpec spec, boolean holds, String field, Object expected, Object found) {
        if (!holds) {
            throw new IllegalArgumentException("a config.json of " + spec.family().modelType() + " cannot say " + field + ": expected " + expected
                    + ", found " + found);
        }
    }

    /** Puts what all families say of their heads, and the ids they share. */
    static void writeHead(EncoderSpec spec, ObjectNode config) {
        config.put("pad_token_id", spec.padId());
        config.put("tie_word_embeddings", !(spec.head() instanceof Head.MaskedTokens) || spec.tiedEmbeddings());
        ConfigLabels.write(spec.head(), config);
    }

    @Override
    public final List<Parameter> parameters(NetworkSpec network) {
        var spec = (EncoderSpec) network;
        var list = new ParameterList();
        long hidden = spec.hiddenSize();
        String at = prefix(spec);
        list.matrix(Role.EMBED, at + "embeddings.word_embeddings", "token_embd", Init.NORMAL, spec.vocabSize(), hidden);
        if (!(spec.stack().positions() instanceof Positions.Distances distances) || distances.learned()) {
            list.projection(Role.POSITIONS, at + "embeddings.position_embeddings", "position_embd", Init.NORMAL, Layout.FROM_FIRST, spec.positionRows(), hidden, false);
        }
        if (spec.segments() > 0) {
            list.matrix(Role.SEGMENTS, at + "embeddings.token_type_embeddings", "token_types", Init.NORMAL, spec.segments(), hidden);
        }
        list.norm(Role.EMBED_NORM, at + "embeddings.LayerNorm", "token_embd_norm", hidden, true);
        for (int l = 0; l < spec.layers(); l++) {
            layerParameters(list.layer(l), spec, at + names().layers() + l + ".", "blk." + l + ".", hidden, spec.layer(l).mlp().width());
        }
        list.layer(-1);
        afterLayers(list, spec, at);
        headParameters(list, spec, at);
        return list.all();
    }

    /** Adds what the family's attention has besides its four projections. @param at the layer's prefix */
    void attentionParameters(ParameterList list, EncoderSpec spec, String at) {}

    /** Adds what all layers share. @param at the encoder's prefix */
    void afterLayers(ParameterList list, EncoderSpec spec, String at) {}

    private void layerParameters(ParameterList list, EncoderSpec spec, String at, String gguf, long hidden, long inner) {
        Names names = names();
        square(list, Role.Q, at + names.q, gguf + "attn_q", hidden);
        square(list, Role.K, at + names.k, gguf + "attn_k", hidden);
        square(list, Role.V, at + names.v, gguf + "attn_v", hidden);
        attentionParameters(list, spec, at);
        square(list, Role.OUT, at + names.out, gguf + "attn_output", hidden);
        list.norm(Role.NORM1, at + names.norm1, gguf + "attn_output_norm", hidden, true);
        list.projection(Role.UP, at + names.up, gguf + "ffn_up", Init.NORMAL, Layout.SAME, inner, hidden, true);
        list.projection(Role.DOWN, at + names.down, gguf + "ffn_down", Init.NORMAL, Layout.SAME, hidden, inner, true);
        list.norm(Role.NORM2, at + names.norm2, gguf + "layer_output_norm", hidden, true);
    }

    /** The dense layer before a head, as BERT's files and llama.cpp's have it. */
    static void dense(ParameterList list, String name, long hidden) {
        square(list, Role.HEAD_DENSE, name, "cls", hidden);
    }

    static void square(ParameterList list, Role role, String name, long hidden) {
        square(list, role, name, null, hidden);
    }

    private static void square(ParameterList list, Role role, String name, String gguf, long hidden) {
        list.projection(role, name, gguf, Init.NORMAL, Layout.SAME, hidden, hidden, true);
    }

    /** The head itself, with its bias. */
    static void outputs(ParameterList list, EncoderSpec spec, String name) {
        list.projection(Role.HEAD, name, "cls.output", Init.NORMAL, Layout.SAME, spec.outputs(), spec.hiddenSize(), true);
    }

    /** The matrix of a head over masked tokens that is not tied; its bias is listed apart. */
    static void ownHead(ParameterList list, EncoderSpec spec, Head.MaskedTokens tokens, String name) {
        if (!tokens.tied()) {
            list.matrix(Role.HEAD, name, "cls.output", Init.NORMAL, spec.vocabSize(), spec.hiddenSize());
        }
    }

    /** Since version 5 transformers adds the bias beside the matrix where a head over masked tokens is not tied; the other one is then of no use. */
    @Override
    public Map<String, List<String>> together(NetworkSpec network) {
        boolean own = ((EncoderSpec) network).head() instanceof Head.MaskedTokens tokens && !tokens.tied() && tokenHead() != null;
        var together = new LinkedHashMap<String, List<String>>();
        parameters(network).forEach(p -> together.put(own && p.name().equals(tokenHead() + ".bias") ? tokenHead() + ".decoder.bias" : p.name(), List.of(p.name())));
        return together;
    }

    // ---- GGUF --------------------------------------------------------------------------------------------------------------------------------

    @Override
    public String ggufArchitecture() {
        return "bert";
    }

    /** Files of other programs do not say which descendant of BERT they hold; all are the same there. */
    @Override
    public boolean claims(GgufMetadata metadata) {
        return false;
    }

    @Override
    public EncoderSpec read(GgufFile file) {
        throw new IllegalStateException("only BERT claims files that do not say their family");
    }

    @Override
    public final String ggufEpsilon() {
        return "attention.layer_norm_epsilon";
    }

    /** llama.cpp knows GELU alone, and of heads that of classes, which a dense layer with tanh may stand before. */
    @Override
    public final boolean runsInLlamaCpp(EncoderSpec spec) {
        boolean head = switch (spec.head()) {
            case Head.None none -> true;
            case Head.Classes classes -> classes.dense().isEmpty() || classes.dense().get().activation() == Activation.TANH;
            case Head.MaskedTokens tokens -> false;
            case Head.Tags tags -> false;
            case Head.Spans spans -> false;
        };
        return head && (spec.activation() == Activation.GELU || spec.activation() == Activation.GELU_TANH) && spec.layer(0).attention().pattern() == null;
    }

    private String prefix(EncoderSpec spec) {
        return spec.head() instanceof Head.None ? "" : prefix();
    }

    /**
     * The encoder's weights get the prefix that the wanted architecture has; norms of the first files are called gamma and beta; numbers of positions
     * were saved as a buffer. Heads, and BERT's pooler, that the wanted architecture does not have are left out.
     */
    @Override
    public final Map<String, TensorView> tidy(NetworkSpec network, Map<String, TensorView> stored) {
        var spec = (EncoderSpec) network;
        Set<String> names = new HashSet<>();
        Parameters.of(spec.withOwnHead()).forEach(p -> names.add(p.name()));
        return Families.renamed(stored, view -> today(spec, names, stored.keySet(), view.name()));
    }

    /** The name of today for one of the family's older ones. */
    String older(String saved) {
        return saved;
    }

    private Optional<String> today(EncoderSpec spec, Set<String> names, Set<String> stored, String saved) {
        String name = older(saved).replaceAll("(LayerNorm|layer_norm)\\.gamma$", "$1.weight").replaceAll("(LayerNorm|layer_norm)\\.beta$", "$1.bias");
        String inner = name.startsWith(prefix()) ? name.substring(prefix().length()) : name;
        if (inner.equals("embeddings.position_ids") || inner.equals("embeddings.token_type_ids")) {
            return Optional.empty();
        }
        if (inner.startsWith("embeddings.") || inner.startsWith(names().layers()) || inner.startsWith("encoder.")) {
            return Optional.of(prefix(spec) + inner);
        }
        if (inner.startsWith("pooler.") && !headNames().contains("pooler.")) {
            return Optional.of(prefix(spec) + inner).filter(names::contains);
        }
        return headNames().stream().noneMatch(name::startsWith) ? Optional.of(name) : Optional.of(headName(spec, stored, name)).filter(names::contains);
    }

    /** The bias of a head over masked tokens is stored under one or two names; that of a tied head beside its transform counts, else that of the matrix. */
    private String headName(EncoderSpec spec, Set<String> stored, String name) {
        String bias = tokenHead() + ".bias";
        String twin = tokenHead() + ".decoder.bias";
        if (tokenHead() == null || !stored.contains(twin)) {
            return name;
        }
        String wanted = stored.contains(bias) && spec.tiedEmbeddings() ? bias : twin;
        return name.equals(wanted) ? bias : name.equals(bias) ? twin : name;
    }
}
