package dev.zhulong.evaluate.task;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.zhulong.data.read.RowReader;
import dev.zhulong.data.read.RowReport;
import dev.zhulong.formats.ContentHash;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.PathMatcher;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.TreeMap;
import java.util.stream.Stream;

/** The rows of a task, and its shots. */
public final class TaskData {
    private final TaskSpec.Shots spec;
    private final List<Item> items;
    private final List<Item> shots;
    private final RowReport report;
    private final String hash;

    private TaskData(TaskSpec.Shots spec, List<Item> items, List<Item> shots, RowReport report, String hash) {
        this.spec = spec;
        this.items = items;
        this.shots = shots;
        this.report = report;
        this.hash = hash;
    }

    /**
     * Reads a task's files.
     *
     * @param home where relative names begin
     * @throws IllegalArgumentException where a file is missing, or none holds a usable row
     */
    static TaskData read(TaskSpec task, Path home) {
        var report = new RowReport();
        var lines = new StringBuilder();
        List<Item> items = items(task, task.data().files(), task.data().group(), home, report, lines);
        if (items.isEmpty()) {
            throw new IllegalArgumentException("task '" + task.name() + "': no usable row; " + report);
        }
        List<Item> shots = items;
        if (task.shots().count() > 0 && !task.shots().files().isEmpty()) {
            String group = task.shots().group().isEmpty() ? task.data().group() : task.shots().group();
            shots = items(task, task.shots().files(), group, home, report, lines);
        }
        return new TaskData(task.shots(), items, shots, report, ContentHash.ofBytes(lines.toString().getBytes(StandardCharsets.UTF_8)).sha256());
    }

    /** All rows, in the order of the files. */
    public List<Item> items() {
        return items;
    }

    RowReport report() {
        return report;
    }

    /** Of all files, shots included. */
    String hash() {
        return hash;
    }

    /**
     * The solved rows shown before a question: of its group, never the question itself, wherever it is found.
     *
     * @throws IllegalArgumentException where there are fewer than the task asks for
     */
    public List<Item> shots(Item question) {
        if (spec.count() == 0) {
            return List.of();
        }
        List<Item> candidates = shots.stream()
                .filter(shot -> shot.group().equals(question.group()) && !shot.row().equals(question.row())).toList();
        if (candidates.size() < spec.count()) {
            throw new IllegalArgumentException(spec.count() + " shots are asked for, but there are only " + candidates.size() + " rows for "
                    + question.id() + (question.group().isEmpty() ? "" : " in group '" + question.group() + "'"));
        }
        if (spec.order() == TaskSpec.Shots.Order.FIRST) {
            return candidates.subList(0, spec.count());
        }
        var random = new SplittableRandom(spec.seed() * 31 + question.id().hashCode());
        Set<Integer> chosen = new HashSet<>();
        List<Item> drawn = new ArrayList<>();
        while (drawn.size() < spec.count()) {
            int next = random.nextInt(candidates.size());
            if (chosen.add(next)) {
                drawn.add(candidates.get(next));
            }
        }
        return drawn;
    }

    private static List<Item> items(TaskSpec task, List<String> names, String group, Path home, RowReport report, StringBuilder hashes) {
        List<Item> items = new ArrayList<>();
        var groups = group.isEmpty() ? null : new ItemTemplate(task.name() + ": group", group);
        TreeMap<String, Path> files = new TreeMap<>();
        for (String name : names) {
            for (Path file : files(name, home)) {
                files.put(home.relativize(file.toAbsolutePath().normalize()).toString().replace('\\', '/'), file);
            }
        }
        files.forEach((name, file) -> {
            hashes.append(ContentHash.ofFile(file).sha256()).append("  ").append(name).append('\n');
            String stem = file.getFileName().toString().replaceAll("\\.(gz|zst|bz2)$", "").replaceAll("\\.[^.]*$", "");
            RowReader.read(file, task.data().header(), report, row -> {
                String id = name + "#" + row.number();
                ObjectNode fields = row.fields();
                items.add(new Item(id, groups == null ? "" : groups.render(id, fields, stem).strip(), fields, stem));
            });
        });
        return items;
    }

    private static List<Path> files(String name, Path home) {
        Path path = home.resolve(name);
        try {
            if (Files.isRegularFile(path)) {
                return List.of(path);
            }
            if (Files.isDirectory(path)) {
                try (Stream<Path> inside = Files.list(path)) {
                    return some(inside.filter(Files::isRegularFile).filter(file -> !file.getFileName().toString().startsWith(".")).toList(), path);
                }
            }
            int star = name.indexOf('*');
            if (star >= 0) {
                int slash = name.lastIndexOf('/', star);
                Path from = slash < 0 ? home : home.resolve(name.substring(0, slash));
                PathMatcher pattern = FileSystems.getDefault().getPathMatcher("glob:" + name.substring(slash + 1));
                if (Files.isDirectory(from)) {
                    try (Stream<Path> inside = Files.walk(from)) {
                        return some(inside.filter(Files::isRegularFile).filter(file -> pattern.matches(from.relativize(file))).toList(), path);
                    }
                }
            }
        } catch (IOException e) {
            throw new UncheckedIOException(path + ": cannot be read: " + e.getMessage(), e);
        }
        throw new IllegalArgumentException("no such file: " + path + "; say with --task-data which directory holds the task's files");
    }

    private static List<Path> some(List<Path> files, Path path) {
        if (files.isEmpty()) {
            throw new IllegalArgumentException(path + " holds no file");
        }
        return files;
    }
}
