package dev.zhulong.data.media;

import java.nio.file.Path;
import java.util.List;

/**
 * A picture or recording by itself, or a row that names some and says something about them.
 *
 * @param id    its path, or the file and line of its row
 * @param files that it consists of
 * @param text  that belongs to them; null where there is none
 * @param row   the line that it came from, null for a file by itself
 */
public record MediaItem(String id, List<Path> files, String text, String row) {}
