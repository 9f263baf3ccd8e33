#!/usr/bin/env node
// The command `varve`. It stands here because npm makes executable what it finds when it installs, before anything is
// compiled.
import '../dist/command.js';
