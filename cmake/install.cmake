include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

foreach(folder runtime kernels autograd layers dist models)
  install(DIRECTORY ${folder}/ DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/stint/${folder} FILES_MATCHING PATTERN "*.h")
endforeach()
install(TARGETS stint EXPORT stint_targets ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(TARGETS stint_program RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(DIRECTORY tools/reproduce/ DESTINATION ${CMAKE_INSTALL_DATADIR}/stint/reproduce FILES_MATCHING PATTERN "*.yaml")
install(EXPORT stint_targets NAMESPACE stint:: DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/stint)
configure_package_config_file(cmake/stint-config.cmake.in ${PROJECT_BINARY_DIR}/stint-config.cmake
  INSTALL_DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/stint)
write_basic_package_version_file(${PROJECT_BINARY_DIR}/stint-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES cmake/FindoneDNN.cmake ${PROJECT_BINARY_DIR}/stint-config.cmake ${PROJECT_BINARY_DIR}/stint-config-version.cmake
  DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/stint)
