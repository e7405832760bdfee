package dev.zhulong.spark;

import java.io.IOException;
import java.io.Reader;
import java.io.Serializable;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.TreeMap;

/**
 * What is to be run, read from a file of properties that Zhulong writes.
 *
 * @param master   of Spark
 * @param tasks    number of them; 0 where stages have as many as is said of each
 * @param command  each runs, on whatever machine: paths are the same everywhere
 * @param settings of Spark
 * @param values   the rest
 */
record Job(String master, int tasks, List<String> command, Map<String, String> settings, Map<String, String> values) implements Serializable {
    static Job read(Path file) throws IOException {
        var properties = new Properties();
        try (Reader in = Files.newBufferedReader(file, StandardCharsets.UTF_8)) {
            properties.load(in);
        }
        var command = new ArrayList<String>();
        for (int i = 0; properties.containsKey("command." + i); i++) {
            command.add(properties.getProperty("command." + i));
        }
        var settings = new TreeMap<String, String>();
        var values = new TreeMap<String, String>();
        for (String name : properties.stringPropertyNames()) {
            if (name.startsWith("setting.")) {
                settings.put(name.substring("setting.".length()), properties.getProperty(name));
            } else if (!name.startsWith("command.")) {
                values.put(name, properties.getProperty(name));
            }
        }
        return new Job(values.get("master"), Integer.parseInt(values.get("tasks")), command, settings, values);
    }

    /** From 0 on. */
    static List<Integer> numbers(int count) {
        var all = new ArrayList<Integer>();
        for (int i = 0; i < count; i++) {
            all.add(i);
        }
        return all;
    }

    String value(String name) {
        String value = values.get(name);
        if (value == null) {
            throw new IllegalArgumentException("the job says nothing of " + name);
        }
        return value;
    }
}
