# Systole: the one Makefile. Lists first (a line a file), rules after. `make help` tells the targets.

VERSION := 0.1.0
prefix  ?= /usr
DESTDIR ?=
# release, dev (quick to compile), asan or tsan: each keeps its objects in build/$(MODE)
MODE    ?= release
B       := build/$(MODE)
SEED    ?=
SEEDS   ?= 2000
FUZZ_SECONDS ?= 600

# ---- core: pure decisions; the simulator links it alone
CORE := \
  core/address_conflict.cpp \
  core/api_frame.cpp \
  core/auth.cpp \
  core/authkeys.cpp \
  core/base64.cpp \
  core/compress.cpp \
  core/config_text.cpp \
  core/continuity.cpp \
  core/engine.cpp \
  core/engine_clients.cpp \
  core/engine_continuity.cpp \
  core/engine_receive.cpp \
  core/engine_send.cpp \
  core/engine_io.cpp \
  core/fencing.cpp \
  core/frame.cpp \
  core/groups.cpp \
  core/ha_cf.cpp \
  core/ha_cf_checks.cpp \
  core/ha_cf_clients.cpp \
  core/ha_cf_directives.cpp \
  core/ha_cf_fencing.cpp \
  core/ha_cf_media.cpp \
  core/ha_cf_ping.cpp \
  core/ha_cf_witness.cpp \
  core/haresources.cpp \
  core/header.cpp \
  core/health.cpp \
  core/history.cpp \
  core/membership.cpp \
  core/message.cpp \
  core/peers.cpp \
  core/queries.cpp \
  core/placement.cpp \
  core/resource_options.cpp \
  core/resources.cpp \
  core/resources_continuity.cpp \
  core/resources_faults.cpp \
  core/resources_fencing.cpp \
  core/resources_legacy.cpp \
  core/resources_pause.cpp \
  core/resources_path.cpp \
  core/resources_standby.cpp \
  core/resources_takeover.cpp \
  core/resources_view.cpp \
  core/resources_wire.cpp \
  core/resources_witness.cpp \
  core/service_path.cpp \
  core/sessions.cpp \
  core/snapshot.cpp \
  core/uuid.cpp \
  core/witness.cpp

# ---- os: one place for each kernel facility
OS := \
  os/clock.cpp \
  os/confine.cpp \
  os/core_dumps.cpp \
  os/echo.cpp \
  os/file.cpp \
  os/log.cpp \
  os/loop.cpp \
  os/neighbours.cpp \
  os/netlink.cpp \
  os/process.cpp \
  os/realtime.cpp \
  os/reboot.cpp \
  os/serial.cpp \
  os/socket.cpp \
  os/watchdog.cpp

# ---- ipc: shared memory between the master and its children
IPC := \
  ipc/blackbox.cpp \
  ipc/board.cpp \
  ipc/channel.cpp \
  ipc/child.cpp \
  ipc/outcomes.cpp \
  ipc/record.cpp \
  ipc/ring.cpp \
  ipc/shm.cpp

# ---- heartbeat: the daemon, all roles in one program
HEARTBEAT := \
  master/adopt.cpp \
  master/command_line.cpp \
  master/config_files.cpp \
  master/fence_command.cpp \
  master/host_facts.cpp \
  master/links.cpp \
  master/media.cpp \
  master/main.cpp \
  master/master.cpp \
  master/precautions.cpp \
  master/script_check.cpp \
  master/script_environment.cpp \
  master/state_files.cpp \
  master/supervisor.cpp \
  readers/echoes.cpp \
  readers/serial.cpp \
  readers/message_cutter.cpp \
  readers/fifo.cpp \
  readers/reader.cpp \
  readers/sources.cpp \
  writers/serial.cpp \
  writers/serial_queue.cpp \
  writers/writer.cpp \
  status/actions.cpp \
  status/address_probes.cpp \
  status/addresses.cpp \
  status/client_actions.cpp \
  status/clients.cpp \
  status/connection.cpp \
  status/fencing.cpp \
  status/hooks.cpp \
  status/ledger.cpp \
  status/log_daemon.cpp \
  status/log_files.cpp \
  status/log_limits.cpp \
  status/logger.cpp \
  status/master_watch.cpp \
  status/release.cpp \
  status/reboot.cpp \
  status/respawn.cpp \
  status/runner.cpp \
  status/script.cpp \
  status/service_interface.cpp \
  status/service_paths.cpp \
  status/state_writer.cpp \
  status/status.cpp \
  status/successor.cpp \
  status/surroundings.cpp

# ---- clients: programs that ask the daemon
CL_STATUS := \
  clients/cl_status.cpp \
  clients/control_fifo.cpp \
  clients/group_reports.cpp \
  clients/hbclient.cpp \
  clients/observe/open_metrics.cpp \
  clients/observe/story.cpp \
  clients/observe/sub_commands.cpp \
  clients/observe/tellings.cpp \
  clients/observe/view.cpp \
  clients/reports.cpp

# ---- the C library of programs that speak with the daemon
LIBHBCLIENT := \
  clients/hbclient.cpp \
  clients/libhbclient/callbacks.cpp \
  clients/libhbclient/channel.cpp \
  clients/libhbclient/cluster.cpp \
  clients/libhbclient/ha_msg.cpp \
  clients/libhbclient/main_loop.cpp \
  clients/libhbclient/operations.cpp \
  clients/libhbclient/ordering.cpp \
  clients/libhbclient/plumb.cpp \
  core/api_frame.cpp \
  core/base64.cpp \
  core/frame.cpp \
  core/message.cpp

# ---- the management daemon and its command
MGMTD := \
  clients/control_fifo.cpp \
  clients/hbclient.cpp \
  clients/mgmt_protocol.cpp \
  clients/mgmtd/asker.cpp \
  clients/mgmtd/certificate.cpp \
  clients/mgmtd/changes.cpp \
  clients/mgmtd/clients.cpp \
  clients/mgmtd/connection.cpp \
  clients/mgmtd/http_answer.cpp \
  clients/mgmtd/http_request.cpp \
  clients/mgmtd/keeper.cpp \
  clients/mgmtd/listener.cpp \
  clients/mgmtd/login.cpp \
  clients/mgmtd/login_limits.cpp \
  clients/mgmtd/main.cpp \
  clients/mgmtd/mgmt_log.cpp \
  clients/mgmtd/move_order.cpp \
  clients/mgmtd/options.cpp \
  clients/mgmtd/overview.cpp \
  clients/mgmtd/page.cpp \
  clients/mgmtd/partner.cpp \
  clients/mgmtd/picture.cpp \
  clients/mgmtd/rights.cpp \
  clients/mgmtd/server.cpp \
  clients/mgmtd/session.cpp \
  clients/mgmtd/source.cpp \
  clients/mgmtd/verbs.cpp \
  clients/mgmtd/web.cpp \
  clients/tls.cpp
MGMTCMD := \
  clients/mgmt_protocol.cpp \
  clients/mgmtcmd/channel.cpp \
  clients/mgmtcmd/known_servers.cpp \
  clients/mgmtcmd/main.cpp \
  clients/mgmtcmd/password.cpp \
  clients/tls.cpp
IPFAIL := \
  clients/client_log.cpp \
  clients/connectivity.cpp \
  clients/hbclient.cpp \
  clients/ipfail.cpp
WITNESS := \
  clients/client_log.cpp \
  clients/hbclient.cpp \
  clients/witness/etcd_witness.cpp \
  clients/witness/main.cpp \
  clients/witness/news.cpp \
  clients/witness/ping_witness.cpp \
  clients/witness/web_request.cpp \
  clients/tls.cpp
DOPD := \
  clients/client_log.cpp \
  clients/dopd.cpp \
  clients/drbdadm.cpp \
  clients/hbclient.cpp \
  clients/outdater_socket.cpp \
  clients/outdating.cpp
OUTDATER := \
  clients/drbd_peer_outdater.cpp \
  clients/outdater_socket.cpp \
  clients/outdating.cpp
CIB := \
  clients/cib/agents.cpp \
  clients/cib/cib.cpp \
  clients/cib/corosync.cpp \
  clients/cib/fencing.cpp \
  clients/cib/main.cpp \
  clients/cib/sources.cpp \
  clients/cib/xml.cpp

# ---- the fast service address
IPADDR := \
  scripts/resource.d/address.cpp \
  scripts/resource.d/announce.cpp \
  scripts/resource.d/main.cpp \
  scripts/resource.d/place.cpp

# ---- tests
UNIT := \
  tests/unit/main.cpp \
  tests/unit/auth_test.cpp \
  tests/unit/authkeys_test.cpp \
  tests/unit/address_test.cpp \
  tests/unit/board_test.cpp \
  tests/unit/blackbox_test.cpp \
  tests/unit/channel_test.cpp \
  tests/unit/compress_test.cpp \
  tests/unit/config_text_test.cpp \
  tests/unit/connectivity_test.cpp \
  tests/unit/confine_test.cpp \
  tests/unit/continuity_test.cpp \
  tests/unit/connection_test.cpp \
  tests/unit/echo_test.cpp \
  tests/unit/engine_test.cpp \
  tests/unit/fencing_test.cpp \
  tests/unit/file_test.cpp \
  tests/unit/frame_test.cpp \
  tests/unit/golden_test.cpp \
  tests/unit/groups_monitor_test.cpp \
  tests/unit/groups_test.cpp \
  tests/unit/directives_test.cpp \
  tests/unit/ha_cf_test.cpp \
  tests/unit/haresources_test.cpp \
  tests/unit/resource_options_test.cpp \
  tests/unit/resources_faults_test.cpp \
  tests/unit/hbclient_test.cpp \
  tests/unit/health_test.cpp \
  tests/unit/history_test.cpp \
  tests/unit/libhbclient_test.cpp \
  tests/unit/log_test.cpp \
  tests/unit/loop_test.cpp \
  tests/unit/logger_test.cpp \
  tests/unit/membership_test.cpp \
  tests/unit/master_watch_test.cpp \
  tests/unit/message_test.cpp \
  tests/unit/mgmt_session_test.cpp \
  tests/unit/mgmt_source_test.cpp \
  tests/unit/mgmt_tls_test.cpp \
  tests/unit/mgmt_verbs_test.cpp \
  tests/unit/mgmt_web_test.cpp \
  tests/unit/netlink_test.cpp \
  tests/unit/observe_test.cpp \
  tests/unit/ordering_test.cpp \
  tests/unit/outcomes_test.cpp \
  tests/unit/outdating_test.cpp \
  tests/unit/peers_test.cpp \
  tests/unit/process_test.cpp \
  tests/unit/placement_test.cpp \
  tests/unit/resources_lab.cpp \
  tests/unit/resources_path_test.cpp \
  tests/unit/resources_peer_test.cpp \
  tests/unit/resources_test.cpp \
  tests/unit/ring_test.cpp \
  tests/unit/serial_test.cpp \
  tests/unit/service_path_test.cpp \
  tests/unit/sessions_test.cpp \
  tests/unit/socket_test.cpp \
  tests/unit/sources_test.cpp \
  tests/unit/uuid_test.cpp \
  tests/unit/witness_test.cpp
# What the unit tests link beyond core, os and ipc
UNIT_PARTS := \
  readers/echoes.cpp \
  readers/message_cutter.cpp \
  readers/sources.cpp \
  scripts/resource.d/address.cpp \
  $(filter clients/%,$(LIBHBCLIENT)) \
  $(filter-out clients/cib/main.cpp,$(CIB)) \
  clients/mgmt_protocol.cpp \
  clients/observe/open_metrics.cpp \
  clients/observe/story.cpp \
  clients/observe/view.cpp \
  clients/mgmtcmd/known_servers.cpp \
  clients/mgmtd/certificate.cpp \
  clients/mgmtd/changes.cpp \
  clients/mgmtd/http_answer.cpp \
  clients/mgmtd/http_request.cpp \
  clients/mgmtd/listener.cpp \
  clients/mgmtd/login_limits.cpp \
  clients/mgmtd/mgmt_log.cpp \
  clients/control_fifo.cpp \
  clients/mgmtd/move_order.cpp \
  clients/mgmtd/overview.cpp \
  clients/mgmtd/page.cpp \
  clients/mgmtd/picture.cpp \
  clients/mgmtd/session.cpp \
  clients/mgmtd/source.cpp \
  clients/mgmtd/verbs.cpp \
  clients/connectivity.cpp \
  clients/tls.cpp \
  clients/outdating.cpp \
  status/connection.cpp \
  status/log_daemon.cpp \
  status/log_limits.cpp \
  status/logger.cpp \
  status/master_watch.cpp \
  writers/serial_queue.cpp
# Two threads over one ring, for TSan
RING_THREADS := \
  tests/unit/main.cpp \
  tests/unit/blackbox_test.cpp \
  tests/unit/board_test.cpp \
  tests/unit/channel_test.cpp \
  tests/unit/ring_test.cpp
# Tests that start real child processes; a program of their own, since they link the roles
RUNNER_TEST := \
  tests/unit/main.cpp \
  tests/unit/addresses_test.cpp \
  tests/unit/adopt_test.cpp \
  tests/unit/config_files_test.cpp \
  tests/unit/ledger_test.cpp \
  tests/unit/precautions_test.cpp \
  tests/unit/respawn_test.cpp \
  tests/unit/runner_test.cpp \
  tests/unit/script_test.cpp
SIM := \
  tests/sim/cluster.cpp \
  tests/sim/host.cpp \
  tests/sim/host_fencing.cpp \
  tests/sim/host_scripts.cpp \
  tests/sim/host_turn.cpp \
  tests/sim/invariants.cpp \
  tests/sim/main.cpp \
  tests/sim/network.cpp \
  tests/sim/probe.cpp \
  tests/sim/witness.cpp
FUZZ := \
  tests/fuzz/fuzz_api.cpp \
  tests/fuzz/fuzz_auth.cpp \
  tests/fuzz/fuzz_authkeys.cpp \
  tests/fuzz/fuzz_cib.cpp \
  tests/fuzz/fuzz_clients.cpp \
  tests/fuzz/fuzz_compress.cpp \
  tests/fuzz/fuzz_echo.cpp \
  tests/fuzz/fuzz_engine.cpp \
  tests/fuzz/fuzz_frame.cpp \
  tests/fuzz/fuzz_ha_cf.cpp \
  tests/fuzz/fuzz_haresources.cpp \
  tests/fuzz/fuzz_library.cpp \
  tests/fuzz/fuzz_message.cpp \
  tests/fuzz/fuzz_resource_options.cpp \
  tests/fuzz/fuzz_http.cpp \
  tests/fuzz/fuzz_mgmt.cpp \
  tests/fuzz/fuzz_neighbours.cpp \
  tests/fuzz/fuzz_ring.cpp \
  tests/fuzz/fuzz_serial.cpp
BENCH := \
  tests/bench/bench_ring.cpp
# A master without a cluster, with the real status process: the transcript tests
FAKE_MASTER := \
  status/client_actions.cpp \
  status/clients.cpp \
  clients/hbclient.cpp \
  status/connection.cpp \
  status/log_daemon.cpp \
  status/log_limits.cpp \
  status/logger.cpp \
  status/status.cpp \
  tests/transcripts/fake_master.cpp
# Helpers of the system tests and the demo
LAB := \
  tests/system/echo.cpp \
  tests/system/prober.cpp \
  tests/system/relay.cpp

# ---- flags (from outside, CXXFLAGS are appended)
WARN := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wold-style-cast -Werror
HARD := -fPIE -D_FORTIFY_SOURCE=3 -D_GLIBCXX_ASSERTIONS -fstack-protector-strong \
        -fstack-clash-protection -fcf-protection -ftrivial-auto-var-init=zero
BASE := -std=c++20 -g1 -I. -DSYSTOLE_VERSION='"$(VERSION)"' -DBOOST_ALL_NO_LIB -DFMT_HEADER_ONLY=0 \
        -ffile-prefix-map=$(CURDIR)=. -MMD -MP
LINK := -pie -Wl,-z,relro,-z,now,-z,noexecstack -Wl,--as-needed
ifeq ($(MODE),release)
  MODEFLAGS := -O2 $(HARD)
else ifeq ($(MODE),dev)
  MODEFLAGS := -O0 -g0 -fPIE -D_GLIBCXX_ASSERTIONS
else ifeq ($(MODE),asan)
  MODEFLAGS := -O1 -fPIE -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all
else ifeq ($(MODE),tsan)
  # TSan knows no fences; all that they order is atomic, so it finds races all the same
  MODEFLAGS := -O1 -fPIE -fno-omit-frame-pointer -fsanitize=thread -Wno-tsan
endif
CCACHE := $(shell command -v ccache)
CXX    := g++
FUZZ_CXX := clang++-14
ALLFLAGS = $(BASE) $(MODEFLAGS) $(WARN) $(CXXFLAGS)
LIBS_CORE := -lcrypto -lz -lbz2 -lfmt
LIBS := $(LIBS_CORE) -lcap -lseccomp -lmnl -lssl

objects = $(patsubst %.cpp,$(B)/%.o,$(wildcard $(1)))
existing = $(if $(wildcard $(firstword $(1))),$(2))
V ?=
Q := $(if $(V),,@)

.PHONY: all
all: $(B)/heartbeat $(B)/cl_status $(B)/mgmtd $(B)/mgmtcmd $(B)/ipfail $(B)/witness $(B)/dopd $(B)/drbd-peer-outdater $(B)/haresources2cib $(B)/completion $(B)/IPaddr $(B)/libhbclient.so.1.0.0

# ---- rules
.SECONDARY: # objects of pattern-made programs stay

$(B)/%.o: %.cpp
	@mkdir -p $(@D)
	@echo "CXX $<"
	$(Q)$(CCACHE) $(CXX) $(ALLFLAGS) -c $< -o $@

# The assembler takes it in, which no dependency file tells
$(B)/clients/mgmtd/page.o: clients/mgmtd/page.html

# Tests are compiled for compile time: doctest's macros are slow to optimise.
$(B)/tests/unit/%.o: tests/unit/%.cpp
	@mkdir -p $(@D)
	@echo "CXX $<"
	$(Q)$(CCACHE) $(CXX) $(BASE) $(filter-out -O1 -O2 -D_FORTIFY_SOURCE=3,$(MODEFLAGS)) $(WARN) $(CXXFLAGS) \
	  -c $< -o $@

# Code of shared libraries, beside the same code of the programs
PICFLAGS := $(subst -fPIE,-fPIC,$(MODEFLAGS)) -fvisibility=hidden -fvisibility-inlines-hidden
$(B)/pic/%.o: %.cpp
	@mkdir -p $(@D)
	@echo "PIC $<"
	$(Q)$(CCACHE) $(CXX) $(BASE) $(PICFLAGS) $(WARN) $(CXXFLAGS) -c $< -o $@

$(B)/libcore.a: $(call objects,$(CORE))
$(B)/libos.a: $(call objects,$(OS))
$(B)/libipc.a: $(call objects,$(IPC))
$(B)/lib%.a:
	@echo "AR  $@"
	$(Q)rm -f $@ && ar rcsD $@ $^

LOWER := $(B)/libipc.a $(B)/libos.a $(B)/libcore.a
define link
	@echo "LD  $@"
	$(Q)$(CXX) $(ALLFLAGS) $(LINK) $(filter %.o,$^) $(filter %.a,$^) $(1) -o $@
endef
$(B)/heartbeat: $(call objects,$(HEARTBEAT)) $(LOWER)
	$(call link,$(LIBS))
$(B)/cl_status: $(call objects,$(CL_STATUS)) $(LOWER)
	$(call link,$(LIBS))
$(B)/mgmtd: $(call objects,$(MGMTD)) $(LOWER)
	$(call link,$(LIBS) -lpam)
$(B)/mgmtcmd: $(call objects,$(MGMTCMD)) $(LOWER)
	$(call link,$(LIBS))
$(B)/ipfail: $(call objects,$(IPFAIL)) $(LOWER)
	$(call link,$(LIBS))
$(B)/witness: $(call objects,$(WITNESS)) $(LOWER)
	$(call link,$(LIBS))
$(B)/dopd: $(call objects,$(DOPD)) $(LOWER)
	$(call link,$(LIBS))
$(B)/drbd-peer-outdater: $(call objects,$(OUTDATER)) $(LOWER)
	$(call link,$(LIBS))
$(B)/haresources2cib: $(call objects,$(CIB)) $(LOWER)
	$(call link,$(LIBS))
# Completion knows the sub-commands that there are, all but the hidden one
$(B)/completion: scripts/completion/cl_status clients/cl_status.cpp
	$(Q)names=$$(sed -n 's/.*SubCommand{"\([a-z]*\)".*/\1/p' clients/cl_status.cpp | grep -vx test | \
	  tr '\n' ' ') && sed "s/@SUB_COMMANDS@/$$names/" $< > $@
$(B)/fake_master: $(call objects,$(FAKE_MASTER)) $(LOWER)
	$(call link,$(LIBS))
$(B)/IPaddr: $(call objects,$(IPADDR) os/neighbours.cpp os/netlink.cpp)
	$(call link,-lmnl $(if $(filter release,$(MODE)),-static-libstdc++ -static-libgcc))
comma := ,
# The C++ runtime is inside, so that C programs need nothing but libc.
LIBHBCLIENT_OBJECTS := $(patsubst %.cpp,$(B)/pic/%.o,$(wildcard $(LIBHBCLIENT)))
$(B)/libhbclient.so.1.0.0: clients/libhbclient/libhbclient.map $(LIBHBCLIENT_OBJECTS)
	@echo "LD  $@"
	$(Q)$(CXX) $(BASE) $(PICFLAGS) -shared -Wl,-soname,libhbclient.so.1 -Wl,--version-script=$< \
	  -Wl,--exclude-libs,ALL $(filter-out -pie,$(LINK)) \
	  $(if $(filter release,$(MODE)),-Wl$(comma)--no-undefined -static-libstdc++ -static-libgcc) \
	  $(LIBHBCLIENT_OBJECTS) -o $@
	$(Q)ln -sf $(@F) $(@D)/libhbclient.so.1 && ln -sf $(@F) $(@D)/libhbclient.so
$(B)/unit: $(call objects,$(UNIT)) $(call objects,$(UNIT_PARTS)) $(LOWER)
	$(call link,$(LIBS))
# Not the whole of $(LOWER), which would be compiled once more for a few files
RING_LOWER := $(filter-out ipc/child.cpp ipc/outcomes.cpp,$(IPC)) os/clock.cpp os/confine.cpp os/process.cpp
$(B)/ring_threads: $(call objects,$(RING_THREADS) $(RING_LOWER))
	$(call link,$(LIBS))
$(B)/runner_test: $(call objects,$(RUNNER_TEST)) $(filter-out $(B)/master/main.o,$(call objects,$(HEARTBEAT))) $(LOWER)
	$(call link,$(LIBS))
$(B)/sim: $(call objects,$(SIM)) $(B)/libcore.a
	$(call link,$(LIBS_CORE))
$(B)/bench_%: $(B)/tests/bench/bench_%.o $(LOWER)
	$(call link,$(LIBS))
$(B)/lab/%: $(B)/tests/system/%.o
	@mkdir -p $(@D)
	$(call link,)

# libFuzzer builds everything it needs with clang, in a folder of its own
FUZZFLAGS := -O1 -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all
build/fuzz/%.o: %.cpp
	@mkdir -p $(@D)
	@echo "CLANG $<"
	$(Q)$(CCACHE) $(FUZZ_CXX) $(BASE) $(FUZZFLAGS) -fsanitize=fuzzer-no-link -c $< -o $@
FUZZ_LOWER := $(patsubst %.cpp,build/fuzz/%.o,$(wildcard $(CORE) $(OS) $(IPC) $(UNIT_PARTS)))
build/fuzz/lower.a: $(FUZZ_LOWER)
	$(Q)rm -f $@ && ar rcsD $@ $^
build/fuzz/tests/unit/%.o: FUZZFLAGS := $(subst -O1,-O0,$(FUZZFLAGS))
build/fuzz/unit: $(patsubst %.cpp,build/fuzz/%.o,$(wildcard $(UNIT))) build/fuzz/lower.a
	@echo "LD  $@"
	$(Q)$(FUZZ_CXX) $(FUZZFLAGS) $^ $(LIBS) -o $@
build/fuzz/sim: $(patsubst %.cpp,build/fuzz/%.o,$(wildcard $(SIM))) build/fuzz/lower.a
	@echo "LD  $@"
	$(Q)$(FUZZ_CXX) $(FUZZFLAGS) $^ $(LIBS_CORE) -o $@
FUZZERS := $(patsubst tests/fuzz/%.cpp,build/fuzz/%,$(wildcard $(FUZZ)))
$(FUZZERS): build/fuzz/%: build/fuzz/tests/fuzz/%.o build/fuzz/lower.a
	@echo "LD  $@"
	$(Q)$(FUZZ_CXX) $(FUZZFLAGS) -fsanitize=fuzzer $^ $(LIBS) -o $@

-include $(shell find build -type f -name '*.d' 2>/dev/null)

# ---- targets
.PHONY: help check demo bench bench-faults sim fuzz fuzz-short lint map unit asan tsan scripts-check system \
        install uninstall lab deb clean
help: ## this list
	@awk -F':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' Makefile

lab: $(patsubst tests/system/%.cpp,$(B)/lab/%,$(wildcard $(LAB))) ## the helper programs of the system tests

unit: $(B)/unit $(B)/runner_test ## unit, golden and property tests
	$(B)/unit --no-version
	$(B)/runner_test --no-version

sim: $(B)/sim ## the simulator: SEED=n repeats one run, SEEDS=n runs many
	$(B)/sim $(if $(SEED),--seed $(SEED) --verbose,--seeds $(SEEDS))

# libstdc++'s stable_sort takes its buffer by operator new(nothrow), which clang's ASan counts as a mismatch.
SANITIZED := ASAN_OPTIONS=alloc_dealloc_mismatch=0
fuzz: $(FUZZERS) ## every fuzz target for FUZZ_SECONDS (600) each
	$(SANITIZED) tests/fuzz/run $(FUZZ_SECONDS) $(FUZZERS)
fuzz-short: $(FUZZERS)
	$(SANITIZED) tests/fuzz/run 6 $(FUZZERS)

# The confinement's filters kill what ASan itself does at an exit, and ASan makes mlock do nothing.
asan: build/fuzz/unit build/fuzz/sim ## unit tests and simulation under ASan and UBSan
	$(SANITIZED) build/fuzz/unit --no-version --source-file-exclude='*confine_test*'
	$(SANITIZED) build/fuzz/sim --seeds 100
tsan: ## the ring between two threads under TSan
	$(MAKE) MODE=tsan build/tsan/ring_threads
	build/tsan/ring_threads --no-version --test-case='*thread*'

lint: ## layer rule, file map, banned words, shellcheck
	tests/lint/run
map: ## the first line of every source file
	@tests/lint/map

scripts-check: all ## the script layer against its tables
	tests/scripts/run

system: all lab ## the system tests in network namespaces
	$(MAKE) install DESTDIR=build/stage
	tests/system/run all

check: ## install what is needed, build, run every test
	scripts/bootstrap check
	tests/check

demo: ## install what is needed, build, show a failover on two nodes in namespaces
	scripts/bootstrap demo
	$(MAKE) -j$(shell nproc) all lab
	$(MAKE) install DESTDIR=build/stage
	tests/system/demo

bench: ## every benchmark, paired with the peers on this machine
	scripts/bootstrap bench
	$(MAKE) all lab $(patsubst tests/bench/%.cpp,$(B)/%,$(wildcard $(BENCH)))
	$(MAKE) install DESTDIR=build/stage
	tests/bench/run

bench-faults: ## every fault on both programs: seconds with no owner and with two; rewrites docs/faults.md
	scripts/bootstrap bench
	$(MAKE) all lab
	$(MAKE) install DESTDIR=build/stage
	tests/bench/faults --write docs/faults.md

install: all ## install below DESTDIR, by the table scripts/INSTALL.table
	scripts/install-table install "$(DESTDIR)" "$(B)" < scripts/INSTALL.table
uninstall: ## remove what install put there
	scripts/install-table uninstall "$(DESTDIR)" "$(B)" < scripts/INSTALL.table

deb: all ## Debian packages of this build, below build/MODE/deb
	scripts/bootstrap deb
	scripts/debian/build "$(B)" "$(VERSION)"

clean: ## remove build/
	rm -rf build
