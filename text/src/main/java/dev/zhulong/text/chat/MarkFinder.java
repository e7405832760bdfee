package dev.zhulong.text.chat;

import dev.zhulong.text.Tokenizer;
import dev.zhulong.text.Tokenizer.Mark;
import dev.zhulong.text.chat.jinja.Text;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;

/**
 * Where the marks of a tokenizer stand in what a template renders. Those that the template wrote are marks. Of what the assistant said, those that
 * are no control tokens ({@code <think>}) are too, for a model says them as tokens. What others said has none, and a mark that begins in one of the
 * three and ends in another is none.
 */
final class MarkFinder {
    private final Map<String, Integer> ids;
    private final Set<Integer> controls;
    /** Characters that a mark begins with: few, while there may be thousands of marks. */
    private final BitSet firsts = new BitSet();
    /** Lengths that marks have, the longest first, as the tokenizers library matches them. */
    private final int[] lengths;

    MarkFinder(Tokenizer tokenizer) {
        ids = tokenizer.marks();
        controls = ids.values().stream().filter(tokenizer::isControl).collect(Collectors.toUnmodifiableSet());
        TreeSet<Integer> all = new TreeSet<>();
        ids.keySet().stream().filter(mark -> !mark.isEmpty()).forEach(mark -> {
            firsts.set(mark.charAt(0));
            all.add(mark.length());
        });
        lengths = all.descendingSet().stream().mapToInt(Integer::intValue).toArray();
    }

    /** The marks in their order. */
    List<Mark> in(Text text) {
        List<Mark> marks = new ArrayList<>();
        for (int from = 0; from < text.units();) {
            int origin = origin(text, from);
            int to = from + 1;
            while (to < text.units() && origin(text, to) == origin) {
                to++;
            }
            if (origin == 0 || origin == Text.CONTENT) {
                add(text.toString(), from, to, origin == 0, marks);
            }
            from = to;
        }
        return marks;
    }

    /** Adds those from {@code from} to {@code to}, whose end they do not cross. */
    private void add(String chars, int from, int to, boolean ofTheTemplate, List<Mark> marks) {
        for (int i = from; i < to;) {
            Mark mark = firsts.get(chars.charAt(i)) ? at(chars, i, to, ofTheTemplate) : null;
            if (mark == null) {
                i++;
            } else {
                marks.add(mark);
                i = mark.to();
            }
        }
    }

    private Mark at(String chars, int i, int to, boolean ofTheTemplate) {
        for (int length : lengths) {
            Integer id = i + length <= to ? ids.get(chars.substring(i, i + length)) : null;
            if (id != null && (ofTheTemplate || !controls.contains(id))) {
                return new Mark(i, i + length, id);
            }
        }
        return null;
    }

    boolean isControl(Mark mark) {
        return controls.contains(mark.id());
    }

    private static int origin(Text text, int i) {
        return text.mark(i) & (Text.CONTENT | Text.HEARD);
    }
}
