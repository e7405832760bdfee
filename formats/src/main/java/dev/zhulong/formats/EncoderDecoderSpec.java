package dev.zhulong.formats;

import dev.zhulong.formats.Stack.Positions;
import java.nio.file.Path;
import java.util.List;

/**
 * The shape of an encoder–decoder: an encoder reads one text, a decoder writes another and attends to what the encoder gave ({@link Stack.Layer#cross}).
 *
 * <p>In {@link Parameters} the decoder's layers are numbered after the encoder's; outside of layers the encoder's weights have roles of their own.
 *
 * @param family         the published architecture it is of
 * @param encoder        layers whose positions all see each other
 * @param decoder        layers whose positions see those before them, and all of the encoder's output
 * @param sourceVocab    rows of the encoder's embedding
 * @param vocabSize      rows of the decoder's embedding and columns of the logits
 * @param shared         whether both embeddings are one
 * @param tiedEmbeddings whether the head shares the decoder's embedding
 * @param ids            ids with a meaning
 * @param bands          of the mel spectrogram that the encoder hears in place of a text, which then has no vocabulary; 0 where it reads
 */
public record EncoderDecoderSpec(EncoderDecoderFamily family, Stack encoder, Stack decoder, int sourceVocab, int vocabSize, boolean shared,
        boolean tiedEmbeddings, Ids ids, int bands) implements NetworkSpec {

    /** One whose encoder reads. */
    public EncoderDecoderSpec(EncoderDecoderFamily family, Stack encoder, Stack decoder, int sourceVocab, int vocabSize, boolean shared, boolean tiedEmbeddings, Ids ids) {
        this(family, encoder, decoder, sourceVocab, vocabSize, shared, tiedEmbeddings, ids, 0);
    }

    /**
     * Ids with a meaning.
     *
     * @param bos       beginning of a text, or -1
     * @param eos       what ends a text; may be empty
     * @param pad       padding
     * @param start     what the decoder reads first, or -1 where the file does not say
     * @param forcedBos what the decoder writes first whatever its logits say, or -1: in models of many languages the language
     * @param forcedEos one of which it writes last when no room is left; may be empty
     */
    public record Ids(int bos, List<Integer> eos, int pad, int start, int forcedBos, List<Integer> forcedEos) {
        public Ids {
            eos = List.copyOf(eos);
            forcedEos = List.copyOf(forcedEos);
        }
    }

    public EncoderDecoderSpec {
        if (decoder.layers().stream().anyMatch(layer -> layer.cross() == null) || encoder.layers().stream().anyMatch(layer -> layer.cross() != null)) {
            throw new IllegalArgumentException("expected attention to the encoder in all layers of the decoder, and in none of the encoder");
        }
        if (encoder.hiddenSize() != decoder.hiddenSize()) {
            throw new IllegalArgumentException("expected an encoder and a decoder of one width, found " + encoder.hiddenSize() + " and " + decoder.hiddenSize());
        }
        if (encoder.experts().isPresent() || decoder.experts().isPresent()) {
            throw new IllegalArgumentException("mixtures of experts are implemented in decoders without an encoder only");
        }
        if (shared && sourceVocab != vocabSize) {
            throw new IllegalArgumentException("expected one vocabulary for one embedding, found " + sourceVocab + " and " + vocabSize);
        }
        if (bands > 0 == sourceVocab > 0) {
            throw new IllegalArgumentException("expected an encoder that hears or reads, found " + bands + " bands and a vocabulary of " + sourceVocab);
        }
    }

    @Override
    public Stack stack() {
        return decoder;
    }

    @Override
    public Stack.Layer layer(int number) {
        int first = firstDecoderLayer();
        return number < first ? encoder.layers().get(number) : decoder.layers().get(number - first);
    }

    /** The decoder by itself, as a language model that reads what it has written: its first layer is number 0, its context {@link #longest}. */
    public DecoderSpec decoderAlone() {
        return new DecoderSpec(family, decoder.withContextLength(longest()), vocabSize, tiedEmbeddings, ids.bos(), ids.eos());
    }

    public int hiddenSize() {
        return decoder.hiddenSize();
    }

    /** Number of the decoder's first layer in {@link Parameters}. */
    public int firstDecoderLayer() {
        return encoder.layers().size();
    }

    /** Whether the encoder hears sound rather than reads a text. */
    public boolean hears() {
        return bands > 0;
    }

    /** Frames of the spectrogram, all of which the encoder must be given: two for each of its positions. */
    public int frames() {
        return 2 * encoder.contextLength();
    }

    /**
     * Returns normally where the encoder reads a text.
     *
     * @param model for the message
     * @throws FormatException where it hears
     */
    public EncoderDecoderSpec requireReads(Path model) {
        if (hears()) {
            throw new FormatException(model, family.title() + " hears sound, and a model that reads text is needed here: run it with zhulong transcribe");
        }
        return this;
    }

    /** Longest text on either side that there are positions for; {@link Integer#MAX_VALUE} where any length has some. */
    public int longest() {
        return switch (decoder.positions()) {
            case Positions.RelativeBias bias -> Integer.MAX_VALUE;
            case Positions.Sinusoidal sines when sines.closed() -> Integer.MAX_VALUE;
            default -> hears() ? decoder.contextLength() : Math.min(encoder.contextLength(), decoder.contextLength());
        };
    }

    /**
     * The position of each token, counted as its stack's positions are.
     *
     * @param before tokens before the first of {@code ids}
     */
    public int[] positions(Stack stack, int[] ids, int before) {
        int first = switch (stack.positions()) {
            case Positions.Learned learned -> learned.first();
            case Positions.Sinusoidal sines -> sines.first();
            default -> 0;
        };
        boolean skips = stack.positions() instanceof Positions.Sinusoidal && first > 0;
        var rows = new int[ids.length];
        int next = first + before;
        for (int i = 0; i < ids.length; i++) {
            rows[i] = skips && ids[i] == ids().pad() ? first - 1 : next++;
        }
        return rows;
    }

    /**
     * What the decoder reads first.
     *
     * @throws IllegalArgumentException where the configuration does not say
     */
    public int startId() {
        int id = ids.start() >= 0 ? ids.start() : ids.bos();
        if (id < 0) {
            throw new IllegalArgumentException("config.json says neither decoder_start_token_id nor bos_token_id: add the id that the decoder reads first");
        }
        return id;
    }

    @Override
    public EncoderDecoderSpec withOwnHead() {
        return withHead(false);
    }

    /** With a head that is the decoder's embedding. */
    public EncoderDecoderSpec withTiedHead() {
        return withHead(true);
    }

    /** With logits that are not scaled: where the weight of the last norm is multiplied by the scale instead, they are the same. */
    public EncoderDecoderSpec withScaledNorm() {
        Stack.Scales scales = decoder.scales();
        Stack plain = new Stack(decoder.hiddenSize(), decoder.layers(), decoder.norm(), decoder.normEpsilon(), decoder.place(), decoder.positions(), decoder.contextLength(),
                new Stack.Scales(scales.embedding(), scales.residual(), 1, scales.softcap()));
        return new EncoderDecoderSpec(family, encoder, plain, sourceVocab, vocabSize, shared, tiedEmbeddings, ids, bands);
    }

    private EncoderDecoderSpec withHead(boolean tied) {
        return new EncoderDecoderSpec(family, encoder, decoder, sourceVocab, vocabSize, shared, tied, ids, bands);
    }
}
