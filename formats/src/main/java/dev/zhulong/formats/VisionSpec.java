package dev.zhulong.formats;

import dev.zhulong.formats.EncoderSpec.Head;
import dev.zhulong.formats.EncoderSpec.Problem;
import dev.zhulong.formats.Stack.Layer;
import java.util.List;
import java.util.Optional;

/**
 * The shape of a network that sees pictures: a picture is cut into patches, layers in which each patch attends to all others follow (ViT, Dosovitskiy et
 * al. 2021), and what they give becomes one vector. Where it was trained on pictures with their texts, a tower over tokens stands beside it whose vectors
 * lie in the same space (CLIP, Radford et al. 2021; SigLIP, Zhai et al. 2023).
 *
 * <p>In {@link Parameters} the layers of the text tower are numbered after those of the pictures'; outside of layers the weights of the latter have roles of
 * their own.
 *
 * @param family  the published architecture it is of
 * @param stack   layers over patches; its context is what its table of positions has rows for
 * @param patches what becomes of a picture before them
 * @param pool    what becomes one vector after them
 * @param head    {@link Head.Classes} of the pooled vector, or {@link Head.None}
 * @param texts   the tower over tokens; empty for none
 */
public record VisionSpec(VisionFamily family, Stack stack, Patches patches, Pool pool, Head head, Optional<Texts> texts) implements NetworkSpec {

    /**
     * A picture's way into the layers: patches that do not overlap, each one product, then tokens that are no patches.
     *
     * @param size      of a patch, in pixels on a side
     * @param channels  of a pixel
     * @param height    of the pictures that the table of positions was made for, in pixels; for others it is interpolated
     * @param width     likewise
     * @param first     whether a learned token stands before the patches, with a position of its own
     * @param registers learned tokens between it and the patches, without positions (Darcet et al. 2024)
     * @param masked    whether a token that stood for hidden patches in pretraining lies among the weights
     * @param smooth    whether the interpolation of positions takes the mean over what a smaller picture leaves out
     */
    public record Patches(int size, int channels, int height, int width, boolean first, int registers, boolean masked, boolean smooth) {
        /** Patches above one another in the table of positions. */
        public int rows() {
            return height / size;
        }

        /** Patches beside one another in the table of positions. */
        public int columns() {
            return width / size;
        }

        /** Rows of the table of positions. */
        public int positions() {
            return rows() * columns() + (first ? 1 : 0);
        }

        /** Tokens before the patches. */
        public int before() {
            return (first ? 1 : 0) + registers;
        }
    }

    /** What one vector is made of. */
    public enum Pool {
        /** The first token. */
        FIRST,
        /** The first token, through a dense layer and tanh (a bare ViT). */
        FIRST_DENSE,
        /** The first token, normalised, where the last layer's states are not (CLIP). */
        FIRST_NORMED,
        /** The first token, and behind it the mean of the patches: twice the width (DINOv2). */
        FIRST_AND_MEAN,
        /** What a learned query gathers from all patches, through an MLP with a residual (SigLIP). */
        ATTENTION
    }

    /** Which of a text's states is its vector. */
    public enum Last {
        /** That of the first end of a text. */
        END,
        /** That of the largest id, which is the end's in vocabularies made so: what CLIP's first files mean by an end of 2. */
        LARGEST_ID,
        /** The last one: texts are padded to the longest that there are positions for, and padding is seen. */
        LAST
    }

    /**
     * The tower over tokens.
     *
     * @param stack     its layers
     * @param vocabSize rows of its embedding
     * @param causal    whether a token sees none after it
     * @param last      which state is a text's vector
     * @param bos       beginning of a text, or -1
     * @param eos       end of a text, or -1
     * @param pad       padding
     * @param width     of the space that vectors of both kinds lie in
     * @param sigmoid   whether each pair of picture and text is judged by itself, with a bias, rather than against the others (SigLIP)
     */
    public record Texts(Stack stack, int vocabSize, boolean causal, Last last, int bos, int eos, int pad, int width, boolean sigmoid) {
        /**
         * Which state of a text is its vector.
         *
         * @throws IllegalArgumentException where the text has no end
         */
        public int pooled(int[] ids) {
            int best = 0;
            switch (last) {
                case LAST -> best = ids.length - 1;
                case LARGEST_ID -> {
                    for (int i = 1; i < ids.length; i++) {
                        best = ids[i] > ids[best] ? i : best;
                    }
                }
                case END -> {
                    while (ids[best] != eos) {
                        if (++best == ids.length) {
                            throw new IllegalArgumentException("the vector of a text is that of its end, and these " + ids.length + " ids hold no " + eos);
                        }
                    }
                }
            }
            return best;
        }
    }

    public VisionSpec {
        if (!(head instanceof Head.None) && !(head instanceof Head.Classes)) {
            throw new IllegalArgumentException("pictures have a head of classes or none, not " + head);
        }
        if (stack.contextLength() != patches.positions()) {
            throw new IllegalArgumentException("expected " + patches.positions() + " positions, found " + stack.contextLength());
        }
    }

    public int hiddenSize() {
        return stack.hiddenSize();
    }

    /** Width of a picture's pooled vector, before any projection. */
    public int pooledSize() {
        return pool == Pool.FIRST_AND_MEAN ? 2 * hiddenSize() : hiddenSize();
    }

    /** Width of a picture's vector. */
    public int vectorSize() {
        return texts.map(Texts::width).orElse(pooledSize());
    }

    /** Number of the text tower's first layer in {@link Parameters}. */
    public int firstTextLayer() {
        return stack.layers().size();
    }

    /** Names of the classes; empty where there are none. */
    public List<String> labels() {
        return head.labels();
    }

    @Override
    public Layer layer(int number) {
        int first = firstTextLayer();
        return number < first ? stack.layers().get(number) : texts.orElseThrow().stack().layers().get(number - first);
    }

    /** Of the text tower; 0 without one. */
    @Override
    public int vocabSize() {
        return texts.map(Texts::vocabSize).orElse(0);
    }

    @Override
    public boolean tiedEmbeddings() {
        return false;
    }

    @Override
    public VisionSpec withOwnHead() {
        return this;
    }

    /**
     * With a head over classes of pictures.
     *
     * @throws IllegalArgumentException where networks of this family have none
     */
    public VisionSpec withClasses(List<String> labels, Problem problem) {
        return new VisionSpec(family, stack, patches, family.poolOfClasses(), new Head.Classes(Optional.empty(), labels, problem), Optional.empty());
    }

    /** With another pooled vector. */
    public VisionSpec withPool(Pool other) {
        return new VisionSpec(family, stack, patches, other, head, texts);
    }
}
