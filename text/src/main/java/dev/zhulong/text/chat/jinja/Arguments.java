package dev.zhulong.text.chat.jinja;

import java.util.List;
import java.util.Map;

/** Arguments of a call, evaluated. */
record Arguments(List<Object> positional, Map<String, Object> named, Limits limits) {
    /** The argument at a place or of a name; {@code otherwise} where it is not given. */
    Object get(int place, String name, Object otherwise) {
        return place < positional.size() ? positional.get(place) : named.getOrDefault(name, otherwise);
    }

    boolean has(int place, String name) {
        return place < positional.size() || named.containsKey(name);
    }

    /** The same, which must be there. */
    Object required(int place, String name) {
        if (!has(place, name)) {
            throw new TemplateException("the argument " + name + " is missing");
        }
        return get(place, name, null);
    }

    Text text(int place, String name, Text otherwise) {
        Object value = get(place, name, otherwise);
        if (value instanceof Text text) {
            return text;
        }
        if (value == otherwise) {
            return otherwise;
        }
        throw new TemplateException("the argument " + name + " must be a string, found " + Python.type(value));
    }

    /** Without the first so many positional ones. */
    Arguments from(int count) {
        return new Arguments(positional.subList(count, positional.size()), named, limits);
    }

    void atMost(int count) {
        if (positional.size() > count) {
            throw new TemplateException("expected at most " + count + " arguments, found " + positional.size());
        }
    }
}
