package dev.zhulong.evaluate.text;

import java.util.ArrayList;
import java.util.List;

/**
 * One text a model wrote and the texts it is compared with.
 *
 * @param hypothesis what the model wrote, detokenised
 * @param references what it should have written, at least one; an empty reference is one that says "write nothing"
 */
public record Segment(String hypothesis, List<String> references) {
    public Segment {
        references = List.copyOf(references);
        if (references.isEmpty()) {
            throw new IllegalArgumentException("a segment without a reference cannot be scored; leave it out of both sides");
        }
    }

    public static Segment of(String hypothesis, String... references) {
        return new Segment(hypothesis, List.of(references));
    }

    /**
     * Segments from one list of hypotheses and one or more lists of references, line by line.
     *
     * @param references each as long as {@code hypotheses}; {@code null} stands where this list has no reference for the segment
     * @throws IllegalArgumentException if a list is shorter or longer, or a segment is left without any reference
     */
    public static List<Segment> align(List<String> hypotheses, List<List<String>> references) {
        if (references.isEmpty()) {
            throw new IllegalArgumentException("no references: give at least one list of them");
        }
        for (int r = 0; r < references.size(); r++) {
            if (references.get(r).size() != hypotheses.size()) {
                throw new IllegalArgumentException(mismatch(hypotheses.size(), "reference " + (r + 1), references.get(r).size()));
            }
        }
        var segments = new ArrayList<Segment>(hypotheses.size());
        for (int i = 0; i < hypotheses.size(); i++) {
            var own = new ArrayList<String>(references.size());
            for (List<String> stream : references) {
                if (stream.get(i) != null) {
                    own.add(stream.get(i));
                }
            }
            if (own.isEmpty()) {
                throw new IllegalArgumentException("segment " + (i + 1) + " has no reference; give one or leave the segment out of all lists");
            }
            segments.add(new Segment(hypotheses.get(i), own));
        }
        return segments;
    }

    /** The message for lists that do not stand side by side. */
    static String mismatch(int hypotheses, String other, int count) {
        return hypotheses + " hypotheses but " + count + " lines in " + other + ": line i of one is compared with line i of the other, so make"
                + " them equally long (look for a line that was lost, added or broken in two)";
    }

    /** How many references each segment has, as signatures print it: a number, or {@code var} where it varies. */
    static String referenceCount(List<Segment> segments) {
        int count = segments.isEmpty() ? 0 : segments.getFirst().references().size();
        return segments.stream().allMatch(s -> s.references().size() == count) ? Integer.toString(count) : "var";
    }
}
