package dev.zhulong.evaluate.task;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.zhulong.evaluate.text.Bootstrap;
import dev.zhulong.evaluate.text.MetricValue;
import java.util.List;

/**
 * What a task of one kind does with a model: it puts rows to it, and makes numbers of what came out. {@link TaskRun} keeps each row's outcome
 * in a file, so that an interrupted evaluation goes on; numbers are made of kept outcomes as of fresh ones.
 *
 * <p>{@link ItemTemplate} fills in a row's fields, {@link Questions} puts solved rows before a question, {@link Likelihoods} scores texts.
 */
public interface Scorer {
    /** How many rows are put to the model at once. */
    default int batch() {
        return 1;
    }

    /**
     * Puts rows to the model.
     *
     * @return of each what {@link #metrics} needs, ready to be kept in a file; field {@code values} holds the numbers that are means over
     *         rows, {@code cut} is true where something did not fit the model's context
     */
    List<ObjectNode> run(List<Item> items);

    /** What the model reads of a row, for people: fields {@code prompt}, {@code ids} and what is asked for. */
    ObjectNode shown(Item item);

    /** Numbers over the outcomes of several rows. */
    List<MetricValue> metrics(List<ObjectNode> outcomes, Bootstrap bootstrap);

    /** How the numbers come about, in words. */
    String protocol();
}
