package dev.zhulong.recipe.label;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.zhulong.data.pack.EncoderRows;
import java.util.List;
import java.util.function.Consumer;

/** Labelled rows as the inputs of an encoder, and what is right about them. */
public interface HeadExamples {
    /** Texts, sentences or questions; a question may be read in several inputs. */
    int size();

    /** The inputs. */
    EncoderRows rows();

    /**
     * Scores what a head says of all of them.
     *
     * @param logits of each input: {@code [outputs]} of classes, else {@code [tokens · outputs]}
     * @param said   is given each row with what was said of it, in their order
     */
    HeadScores score(List<float[]> logits, Consumer<ObjectNode> said);
}
