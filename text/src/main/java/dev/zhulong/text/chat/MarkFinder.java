package dev.zhulong.text.chat;

import dev.zhulong.text.Tokenizer;
import dev.zhulong.text.Tokenizer.Mark;
import dev.zhulong.text.chat.jinja.Text;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/**
 * Where the marks of a tokenizer stand in what a template renders. Those that the template wrote are marks. Of what the assistant said, those that
 * are no control tokens ({@code <think>}) are too, for a model says them as tokens. What others said has none, and a mark that begins in one of the
 * three and ends in another is none.
 */
final class MarkFinder {
    private final Map<String, Integer> ids;
    private final Set<Integer> controls;
    private final Pattern all;
    private final Pattern speakable;

    MarkFinder(Tokenizer tokenizer) {
        ids = tokenizer.marks();
        controls = ids.values().stream().filter(tokenizer::isControl).collect(Collectors.toUnmodifiableSet());
        all = anyOf(ids.keySet());
        speakable = anyOf(ids.keySet().stream().filter(mark -> !controls.contains(ids.get(mark))).toList());
    }

    /** The longest first, as the tokenizers library matches them; null for none. */
    private static Pattern anyOf(Collection<String> marks) {
        String any = marks.stream().filter(mark -> !mark.isEmpty())
                .sorted(Comparator.comparingInt(String::length).reversed().thenComparing(Comparator.naturalOrder())).map(Pattern::quote)
                .collect(Collectors.joining("|"));
        return any.isEmpty() ? null : Pattern.compile(any);
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
            Pattern pattern = origin == 0 ? all : origin == Text.CONTENT ? speakable : null;
            if (pattern != null) {
                Matcher matcher = pattern.matcher(text.toString()).region(from, to);
                while (matcher.find()) {
                    marks.add(new Mark(matcher.start(), matcher.end(), ids.get(matcher.group())));
                }
            }
            from = to;
        }
        return marks;
    }

    boolean isControl(Mark mark) {
        return controls.contains(mark.id());
    }

    private static int origin(Text text, int i) {
        return text.mark(i) & (Text.CONTENT | Text.HEARD);
    }
}
