package dev.zhulong.text.chat;

import dev.zhulong.text.Tokenizer.Mark;
import dev.zhulong.text.chat.jinja.Text;

/** Where an assistant's turn begins and ends in what a template renders. */
record TurnFinder(ChatTemplate template, MarkFinder marks) {
    /** A turn in a rendered text: where it begins and where its end mark ends. */
    record Turn(int from, int to) {}

    /** A turn and the text in which it is said. */
    record Said(Text text, Turn turn) {}

    /**
     * The turn that comes last.
     *
     * @param before the conversation up to it
     * @param upTo   the rendered conversation up to its end
     * @throws IllegalArgumentException where it cannot be found
     */
    Said find(Conversation before, Text upTo) {
        String chars = upTo.toString();
        Text opening = openingOf(before);
        if (opening != null && chars.startsWith(opening.toString())) {
            return said(upTo, opening.units());
        }
        if (opening != null && !before.messages().isEmpty()) {
            int common = common(before, opening.toString(), chars);
            if (common > 0) {
                return said(upTo, common);
            }
        }
        int first = 0;
        while (first < upTo.units() && (upTo.mark(first) & Text.LAST) == 0) {
            first++;
        }
        if (first == upTo.units()) {
            throw new IllegalArgumentException("the chat template does not show an assistant's turn, or begins it differently from its generation prompt");
        }
        String head = chars.substring(0, first);
        if (opening == null || before.messages().isEmpty()) {
            String announced = opening == null ? openingOfAnyTurn() : opening.toString();
            int behind = announced.isBlank() ? -1 : behind(head, announced, announced.length());
            return said(upTo, behind < 0 ? first : behind);
        }
        // earlier turns are shown otherwise once the answer is there: it is learnt behind what the model was given before it
        int begin = behind(head, opening.toString(), writtenLast(opening));
        if (begin < 0) {
            throw new IllegalArgumentException("the chat template begins an assistant turn differently from its generation prompt");
        }
        return said(opening.plus(upTo.slice(begin, upTo.units())), opening.units());
    }

    private Said said(Text text, int from) {
        return new Said(text, new Turn(from, end(text, from)));
    }

    /** What the model is given before the turn; null where the template refuses to open one there. */
    private Text openingOf(Conversation before) {
        try {
            return template.render(before, true);
        } catch (IllegalArgumentException e) {
            return null;
        }
    }

    /** An opening that says more than the turn will show (an empty thought, for one): where what both say ends, or 0. */
    private int common(Conversation before, String opening, String chars) {
        String plain;
        try {
            plain = template.render(before, false).toString();
        } catch (IllegalArgumentException e) {
            return 0;
        }
        int end = 0;
        while (end < Math.min(opening.length(), chars.length()) && opening.charAt(end) == chars.charAt(end)) {
            end++;
        }
        return end > plain.length() && chars.startsWith(plain) ? end : 0;
    }

    /** What opens an assistant's turn behind a user's; empty where the template does not announce it. */
    private String openingOfAnyTurn() {
        try {
            Conversation asked = Conversation.of(Message.user("a"));
            String plain = template.render(asked, false).toString();
            String opening = template.render(asked, true).toString();
            return opening.startsWith(plain) ? opening.substring(plain.length()) : "";
        } catch (IllegalArgumentException e) {
            return "";
        }
    }

    /** Characters at the end that the template wrote; at least 1. */
    private static int writtenLast(Text text) {
        int from = text.units();
        while (from > 0 && (text.mark(from - 1) & Text.CONTENT) == 0) {
            from--;
        }
        return Math.max(1, text.units() - from);
    }

    /** Behind the last place in {@code head} of the longest end of {@code opening} that occurs there; -1 where none of {@code least} characters does. */
    private static int behind(String head, String opening, int least) {
        int occurs = 0;
        int tooLong = opening.length() + 1;
        while (tooLong - occurs > 1) {
            int length = (occurs + tooLong) >>> 1;
            if (head.contains(opening.substring(opening.length() - length))) {
                occurs = length;
            } else {
                tooLong = length;
            }
        }
        return occurs < least ? -1 : head.lastIndexOf(opening.substring(opening.length() - occurs)) + occurs;
    }

    /** Behind the template's last control token of the turn, or else its last visible character. */
    private int end(Text text, int from) {
        String chars = text.toString();
        int last = marks.in(text).stream().filter(mark -> mark.from() >= from && marks.isControl(mark)).mapToInt(Mark::to).max().orElse(-1);
        if (last >= 0 && chars.substring(last).isBlank()) {
            return last;
        }
        int end = chars.length();
        while (end > from && Character.isWhitespace(chars.charAt(end - 1)) && (text.mark(end - 1) & Text.CONTENT) == 0) {
            end--;
        }
        return end;
    }
}
